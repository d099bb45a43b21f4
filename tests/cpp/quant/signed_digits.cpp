#include "base/signed_digits.h"

#include <algorithm>
#include <vector>

#include "base/key.h"
#include "base/simd/kernels.h"
#include "catch.h"
#include "quant/fake_quantizer.h"
#include "quant/fixed_point.h"

using namespace qkd;

namespace {

std::int64_t magnitude(std::int64_t value) { return value < 0 ? -value : value; }

// Signed digits of the non-adjacent form, by its definition.
int count_digits(std::int64_t value) {
  int count = 0;
  for (std::int64_t v = magnitude(value); v != 0; v >>= 1)
    if (v & 1) {
      v -= 2 - (v & 3);
      ++count;
    }
  return count;
}

}  // namespace

TEST_CASE("the nearest code of few signed digits is nearest, and in range", "[quant]") {
  for (const int bits : {2, 5, 8, 10})
    for (const int digits : {1, 2, 3}) {
      const std::int64_t low = -(std::int64_t{1} << (bits - 1)), high = -low - 1;
      std::vector<std::int64_t> allowed;
      for (std::int64_t c = low; c <= high; ++c)
        if (count_digits(c) <= digits) allowed.push_back(c);
      for (std::int64_t c = low; c <= high; ++c) {
        const std::int64_t found = nearest_signed_digits(c, digits, c < 0 ? -low : high);
        std::int64_t least = high - low;
        for (const std::int64_t a : allowed)
          if ((a < 0) == (c < 0) || a == 0) least = std::min(least, magnitude(a - c));
        INFO(bits << " bits, " << digits << " digits, " << c << " to " << found);
        REQUIRE(count_digits(found) <= digits);
        REQUIRE(magnitude(found - c) == least);
        REQUIRE((low <= found && found <= high));
      }
    }
}

TEST_CASE("the fake quantiser of few digits gives the values of the type", "[quant]") {
  const FixedPoint type(8, 2, true, Rounding::RND, Overflow::SAT, 2);
  const simd::FakeQuantizer q = fake_quantizer(type, "test");
  std::vector<float> x(1001), y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = -2.5f + 0.005f * static_cast<float>(i);
  simd::kernels().quantize(x.size(), x.data(), nullptr, q, y.data());
  for (std::size_t i = 0; i < x.size(); ++i) {
    REQUIRE(static_cast<double>(y[i]) == type.quantize(static_cast<double>(x[i])));
    REQUIRE(count_digits(type.encode(static_cast<double>(x[i]))) <= 2);
  }
  const std::vector<float> mask(x.size(), 0.0f);
  simd::kernels().quantize(x.size(), x.data(), mask.data(), q, y.data());
  REQUIRE(std::count(y.begin(), y.end(), 0.0f) == static_cast<std::ptrdiff_t>(y.size()));
}

TEST_CASE("few digits are refused where training could not follow", "[quant]") {
  REQUIRE_THROWS(FixedPoint(8, 2, true, Rounding::RND, Overflow::WRAP, 2));
  REQUIRE_THROWS(FixedPoint(25, 2, true, Rounding::RND, Overflow::SAT, 2));
  REQUIRE_THROWS(FixedPoint(8, 2, true, Rounding::RND, Overflow::SAT, -1));
  REQUIRE(FixedPoint(8, 2, true, Rounding::RND, Overflow::SAT, 2) !=
          FixedPoint(8, 2, true, Rounding::RND, Overflow::SAT));
}
