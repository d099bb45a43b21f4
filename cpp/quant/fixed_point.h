// A fixed-point type as Vitis HLS's ap_fixed has it: the one value that training, emulator, exporters and
// board share.
//
// Notation: W = bits, I = integer (it counts the sign bit when the type is signed, as ap_fixed's I does),
// F = W - I fraction bits. A value v is held as the integer code c = v * 2^F.
#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "base/int128.h"

namespace qkd {

enum class Rounding { TRN, TRN_ZERO, RND, RND_ZERO, RND_INF, RND_MIN_INF, RND_CONV };
enum class Overflow { WRAP, SAT, SAT_ZERO, SAT_SYM };

Rounding rounding_from(const std::string& name);
Overflow overflow_from(const std::string& name);
std::string to_string(Rounding);
std::string to_string(Overflow);

struct FixedPoint {
  int bits;
  int integer;
  bool is_signed = true;
  Rounding rounding = Rounding::TRN;
  Overflow overflow = Overflow::WRAP;
  int digits = 0;  // signed digits that a code may have, so that a product needs no multiplier; 0: any number

  // Throws ValueError unless 1 <= bits <= 63 and |integer| <= 63 (codes must fit an int64); digits are
  // limited in saturating types of at most 24 bits only, those that training follows.
  FixedPoint(int bits, int integer, bool is_signed = true, Rounding = Rounding::TRN,
             Overflow = Overflow::WRAP, int digits = 0);

  // QKeras's quantized_bits(bits, integer, symmetric=, keep_negative=, alpha=1). QKeras's `integer` leaves
  // the sign bit out; this and quantized_relu are the only places that know.
  static FixedPoint quantized_bits(int bits, int integer, bool keep_negative, bool symmetric, Rounding);
  static FixedPoint quantized_relu(int bits, int integer, Rounding);

  int fraction() const { return bits - integer; }
  double step() const;             // 2^-F
  std::int64_t low_code() const;   // the smallest code that quantising gives
  std::int64_t high_code() const;  // the largest
  double low() const { return static_cast<double>(low_code()) * step(); }
  double high() const { return static_cast<double>(high_code()) * step(); }

  // The code of a real value: rounded, then saturated or wrapped. NaN is refused.
  std::int64_t encode(double value) const;
  double decode(std::int64_t code) const { return static_cast<double>(code) * step(); }
  double quantize(double value) const { return decode(encode(value)); }

  // The code in this type of `code` in a type with `from_fraction` fraction bits, in integers alone.
  std::int64_t requantize(std::int64_t code, int from_fraction) const;

  std::string ap_type() const;      // ap_fixed<9,2,AP_RND_CONV,AP_SAT>
  std::string hls4ml_type() const;  // fixed<9,2,RND_CONV,SAT>

  friend bool operator==(const FixedPoint&, const FixedPoint&) = default;

 private:
  std::int64_t fit(Int128 code) const;  // saturate or wrap, then the nearest of few digits
  std::int64_t in_range(Int128 code) const;
};

}  // namespace qkd
