#include "base/key.h"

#include <algorithm>
#include <cmath>

#include "catch.h"

using qkd::Key;

TEST_CASE("key: Philox4x32-10 gives the known answer of its authors", "[base]") {
  // Random123's kat_vectors: philox4x32 10, counter 0, key 0.
  const std::array<std::uint32_t, 4> known = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
  CHECK(Key(0).block(0) == known);
}

TEST_CASE("key: children differ from each other and from their parent", "[base]") {
  const Key key(7);
  CHECK(key.fold(1) == key.fold(1));
  CHECK_FALSE(key.fold(1) == key.fold(2));
  CHECK_FALSE(key.fold("teacher") == key.fold("student"));
  CHECK(key.fold(1).bits(0) != key.bits(0));
}

TEST_CASE("key: uniform numbers have the mean and the variance of [0, 1)", "[base]") {
  constexpr std::uint64_t n = 100000;
  double sum = 0, squares = 0;
  for (std::uint64_t i = 0; i < n; ++i) {
    const double u = Key(1).uniform(i);
    REQUIRE((u >= 0 && u < 1));
    sum += u;
    squares += u * u;
  }
  const double mean = sum / n;
  CHECK(std::abs(mean - 0.5) < 5 * std::sqrt(1.0 / 12 / n));
  CHECK(std::abs(squares / n - mean * mean - 1.0 / 12) < 0.002);
}

TEST_CASE("key: a permutation holds every number once", "[base]") {
  auto order = Key(3).permutation(1000);
  CHECK_FALSE(std::is_sorted(order.begin(), order.end()));
  std::sort(order.begin(), order.end());
  for (std::uint32_t i = 0; i < 1000; ++i) REQUIRE(order[i] == i);
  CHECK(Key(3).permutation(0).empty());
}
