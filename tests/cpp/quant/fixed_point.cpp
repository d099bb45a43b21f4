#include <cmath>

#include "base/key.h"
#include "catch.h"
#include "quant/fixed_point.h"

using namespace qkd;

namespace {
constexpr Rounding kRounding[] = {Rounding::TRN,      Rounding::TRN_ZERO, Rounding::RND,
                                  Rounding::RND_ZERO, Rounding::RND_INF,  Rounding::RND_MIN_INF,
                                  Rounding::RND_CONV};
constexpr Overflow kOverflow[] = {Overflow::WRAP, Overflow::SAT, Overflow::SAT_ZERO, Overflow::SAT_SYM};
}  // namespace

TEST_CASE("the seven roundings of ap_fixed, on ties and beside them", "[quant]") {
  struct Row {
    double x;
    std::int64_t trn, trn_zero, rnd, zero, inf, min_inf, conv;
  };
  const Row rows[] = {{1.5, 1, 1, 2, 1, 2, 1, 2},         {2.5, 2, 2, 3, 2, 3, 2, 2},
                      {-1.5, -2, -1, -1, -1, -2, -2, -2}, {-2.5, -3, -2, -2, -2, -3, -3, -2},
                      {1.25, 1, 1, 1, 1, 1, 1, 1},        {-1.25, -2, -1, -1, -1, -1, -1, -1},
                      {1.75, 1, 1, 2, 2, 2, 2, 2},        {-1.75, -2, -1, -2, -2, -2, -2, -2}};
  for (const Row& r : rows) {
    const std::int64_t wanted[] = {r.trn, r.trn_zero, r.rnd, r.zero, r.inf, r.min_inf, r.conv};
    for (int i = 0; i < 7; ++i) {
      const FixedPoint type(8, 8, true, kRounding[i], Overflow::SAT);
      INFO(r.x << " " << to_string(kRounding[i]));
      REQUIRE(type.encode(r.x) == wanted[i]);
      REQUIRE(type.requantize(static_cast<std::int64_t>(r.x * 4), 2) == wanted[i]);
    }
  }
}

TEST_CASE("a number just above -1/2 is no tie", "[quant]") {
  for (const Rounding r : kRounding)
    if (r != Rounding::TRN)
      REQUIRE(FixedPoint(8, 8, true, r, Overflow::SAT).encode(-0.49999999999999994) == 0);
}

TEST_CASE("the four overflows of ap_fixed", "[quant]") {
  const auto code = [](double x, bool is_signed, Overflow mode) {
    return FixedPoint(4, 4, is_signed, Rounding::TRN, mode).encode(x);
  };
  REQUIRE(code(9, true, Overflow::WRAP) == -7);
  REQUIRE(code(-9, true, Overflow::WRAP) == 7);
  REQUIRE(code(17, false, Overflow::WRAP) == 1);
  REQUIRE(code(-1, false, Overflow::WRAP) == 15);
  REQUIRE(code(9, true, Overflow::SAT) == 7);
  REQUIRE(code(-9, true, Overflow::SAT) == -8);
  REQUIRE(code(-9, true, Overflow::SAT_SYM) == -7);
  REQUIRE(code(9, true, Overflow::SAT_ZERO) == 0);
  REQUIRE(code(-1, false, Overflow::SAT) == 0);
  REQUIRE(code(HUGE_VAL, true, Overflow::SAT) == 7);
}

TEST_CASE("quantising twice changes nothing, and integers agree with reals", "[quant]") {
  const Key key(4);
  std::uint64_t n = 0;
  for (const Rounding r : kRounding)
    for (const Overflow o : kOverflow)
      for (const bool is_signed : {false, true})
        for (int i = 0; i < 50; ++i) {
          const int bits = 1 + static_cast<int>(key.below(n++, 16));
          const int integer = static_cast<int>(key.below(n++, 12)) - 4;
          const FixedPoint type(bits, integer, is_signed, r, o);
          const std::int64_t wide = static_cast<std::int64_t>(key.below(n++, 1 << 20)) - (1 << 19);
          const double x = std::ldexp(static_cast<double>(wide), -10);
          REQUIRE(type.encode(x) == type.requantize(wide, 10));
          const double q = type.quantize(x);
          if (o != Overflow::SAT_SYM || type.bits > 1) REQUIRE(type.quantize(q) == q);
        }
}

TEST_CASE("QKeras's integer leaves the sign out, ap_fixed's counts it", "[quant]") {
  const FixedPoint bits = FixedPoint::quantized_bits(9, 1, true, false, Rounding::RND_CONV);
  REQUIRE(bits.ap_type() == "ap_fixed<9,2,AP_RND_CONV,AP_SAT>");
  REQUIRE(bits.high() == 2 - 1.0 / 128);
  REQUIRE(FixedPoint::quantized_relu(8, 2, Rounding::RND).hls4ml_type() == "ufixed<8,2,RND,SAT>");
  REQUIRE(FixedPoint::quantized_bits(8, 0, true, true, Rounding::RND).low() == -1 + 1.0 / 128);
  REQUIRE_THROWS_AS(FixedPoint(0, 0), std::invalid_argument);
  REQUIRE_THROWS_AS(FixedPoint(8, 0).encode(NAN), std::invalid_argument);
}
