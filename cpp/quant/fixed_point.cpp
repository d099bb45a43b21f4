#include "quant/fixed_point.h"

#include <array>
#include <cmath>

#include "base/check.h"
#include "base/signed_digits.h"

namespace qkd {
namespace {

constexpr std::array kRounding = {"TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_INF", "RND_MIN_INF", "RND_CONV"};
constexpr std::array kOverflow = {"WRAP", "SAT", "SAT_ZERO", "SAT_SYM"};

template <typename Enum, std::size_t N>
Enum from_name(const std::array<const char*, N>& names, const std::string& name, const char* what) {
  for (std::size_t i = 0; i < N; ++i)
    if (name == names[i]) return static_cast<Enum>(i);
  std::string known;
  for (const char* n : names) known += std::string(known.empty() ? "" : ", ") + n;
  throw ValueError(concat("[FixedPoint] ", what, " must be one of ", known, "; got '", name, "'"));
}

// round(q / 2^shift) for the seven ap_fixed modes, shift >= 1 (UG902, "Quantization modes").
Int128 shift_right(Int128 q, int shift, Rounding mode) {
  const Int128 floor = q >> shift;
  const Int128 rest = q - (floor << shift);  // 0 <= rest < 2^shift
  const Int128 half = Int128{1} << (shift - 1);
  const bool negative = q < 0;
  switch (mode) {
    case Rounding::TRN:
      return floor;
    case Rounding::TRN_ZERO:
      return floor + (negative && rest != 0);
    case Rounding::RND:
      return floor + (rest >= half);
    case Rounding::RND_ZERO:
      return floor + (rest > half || (rest == half && negative));
    case Rounding::RND_INF:
      return floor + (rest > half || (rest == half && !negative));
    case Rounding::RND_MIN_INF:
      return floor + (rest > half);
    case Rounding::RND_CONV:
      return floor + (rest > half || (rest == half && (floor & 1)));
  }
  return floor;
}

// The same for a real number. The remainder to the integer nearer zero is exact; to the one below it need not
// be.
double round_real(double x, Rounding mode) {
  if (mode == Rounding::TRN) return std::floor(x);
  const double inner = std::trunc(x), outer = inner + std::copysign(1.0, x), rest = std::fabs(x - inner);
  if (mode == Rounding::TRN_ZERO || rest < 0.5) return inner;
  if (rest > 0.5) return outer;
  switch (mode) {  // a tie
    case Rounding::RND:
      return std::fmax(inner, outer);
    case Rounding::RND_MIN_INF:
      return std::fmin(inner, outer);
    case Rounding::RND_INF:
      return outer;
    case Rounding::RND_CONV:
      return std::fmod(inner, 2.0) == 0.0 ? inner : outer;
    default:  // RND_ZERO
      return inner;
  }
}

}  // namespace

Rounding rounding_from(const std::string& name) { return from_name<Rounding>(kRounding, name, "rounding"); }
Overflow overflow_from(const std::string& name) { return from_name<Overflow>(kOverflow, name, "overflow"); }
std::string to_string(Rounding mode) { return kRounding[static_cast<std::size_t>(mode)]; }
std::string to_string(Overflow mode) { return kOverflow[static_cast<std::size_t>(mode)]; }

FixedPoint::FixedPoint(int bits_, int integer_, bool is_signed_, Rounding rounding_, Overflow overflow_,
                       int digits_)
    : bits(bits_),
      integer(integer_),
      is_signed(is_signed_),
      rounding(rounding_),
      overflow(overflow_),
      digits(digits_) {
  require(bits >= 1 && bits <= 63, "FixedPoint", "bits must be 1 to 63; got ", bits);
  require(integer >= -63 && integer <= 63, "FixedPoint", "integer must be -63 to 63; got ", integer);
  require(digits >= 0, "FixedPoint", "digits must be 0 (any) or more; got ", digits);
  require(digits == 0 || (bits <= 24 && (overflow == Overflow::SAT || overflow == Overflow::SAT_SYM)),
          "FixedPoint", "few signed digits need a saturating type (SAT or SAT_SYM) of at most 24 bits; got ",
          ap_type());
}

FixedPoint FixedPoint::quantized_bits(int bits, int integer, bool keep_negative, bool symmetric,
                                      Rounding rounding) {
  return FixedPoint(bits, integer + (keep_negative ? 1 : 0), keep_negative, rounding,
                    symmetric && keep_negative ? Overflow::SAT_SYM : Overflow::SAT);
}

FixedPoint FixedPoint::quantized_relu(int bits, int integer, Rounding rounding) {
  return FixedPoint(bits, integer, false, rounding, Overflow::SAT);
}

double FixedPoint::step() const { return std::ldexp(1.0, -fraction()); }

std::int64_t FixedPoint::low_code() const {
  if (!is_signed) return 0;
  const std::int64_t half = std::int64_t{1} << (bits - 1);
  return overflow == Overflow::SAT_SYM ? -half + 1 : -half;
}

std::int64_t FixedPoint::high_code() const {
  return is_signed ? (std::int64_t{1} << (bits - 1)) - 1
                   : static_cast<std::int64_t>((std::uint64_t{1} << bits) - 1);
}

std::int64_t FixedPoint::fit(Int128 code) const {
  const std::int64_t fitting = in_range(code);
  if (digits == 0) return fitting;
  return nearest_signed_digits(fitting, digits, fitting < 0 ? -low_code() : high_code());
}

std::int64_t FixedPoint::in_range(Int128 code) const {
  const Int128 low = low_code(), high = high_code();
  if (code >= low && code <= high) return static_cast<std::int64_t>(code);
  switch (overflow) {
    case Overflow::SAT:
    case Overflow::SAT_SYM:
      return static_cast<std::int64_t>(code < low ? low : high);
    case Overflow::SAT_ZERO:
      return 0;
    case Overflow::WRAP:
      break;
  }
  const Int128 span = Int128{1} << bits;
  Int128 wrapped = code % span;
  if (wrapped < 0) wrapped += span;
  if (wrapped > high) wrapped -= span;
  return static_cast<std::int64_t>(wrapped);
}

std::int64_t FixedPoint::encode(double value) const {
  require(!std::isnan(value), "FixedPoint", "a value to quantise must be a number; got NaN");
  const double scaled = round_real(std::ldexp(value, fraction()), rounding);
  // Beyond 2^100 every finite type saturates; a wrapped value that large has no meaningful bits left.
  constexpr double kFar = 0x1p100;
  return fit(static_cast<Int128>(scaled > kFar ? kFar : scaled < -kFar ? -kFar : scaled));
}

std::int64_t FixedPoint::requantize(std::int64_t code, int from_fraction) const {
  const int shift = from_fraction - fraction();
  if (shift <= 0) {
    require(shift >= -63, "FixedPoint", "types must be less than 64 bits apart; got ", -shift);
    return fit(static_cast<Int128>(code) << -shift);
  }
  return fit(shift_right(code, shift > 120 ? 120 : shift, rounding));
}

std::string FixedPoint::ap_type() const {
  return concat(is_signed ? "ap_fixed<" : "ap_ufixed<", bits, ",", integer, ",AP_", to_string(rounding),
                ",AP_", to_string(overflow), ">");
}

std::string FixedPoint::hls4ml_type() const {
  return concat(is_signed ? "fixed<" : "ufixed<", bits, ",", integer, ",", to_string(rounding), ",",
                to_string(overflow), ">");
}

}  // namespace qkd
