#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/key.h"
#include "catch.h"

using qkd::Key;

TEST_CASE("Philox4x32-10 gives the vectors of Random123", "[key]") {
  // kat_vectors, philox4x32 10: counter 0, key 0.
  const auto b = Key(0).block(0);
  REQUIRE(b[0] == 0x6627E8D5);
  REQUIRE(b[1] == 0xE169C58D);
  REQUIRE(b[2] == 0xBC57AC4C);
  REQUIRE(b[3] == 0x9B00DBD8);
}

TEST_CASE("children differ from their parent and from each other", "[key]") {
  const Key key(1);
  REQUIRE_FALSE(key.fold(0) == key.fold(1));
  REQUIRE_FALSE(key.fold("a") == key.fold("b"));
  REQUIRE(key.fold("a") == Key(1).fold("a"));
  REQUIRE(key.fold(0).bits(0) != key.bits(0));
}

TEST_CASE("a permutation holds every index once and mixes them", "[key]") {
  for (const std::uint32_t n : {0u, 1u, 2u, 5u, 1000u}) {
    auto p = Key(7).permutation(n);
    const bool mixed = !std::ranges::is_sorted(p);
    std::ranges::sort(p);
    for (std::uint32_t i = 0; i < n; ++i) REQUIRE(p[i] == i);
    if (n > 10) REQUIRE(mixed);
  }
}

TEST_CASE("uniform and normal draws have the moments they should", "[key]") {
  const Key key(11);
  constexpr int n = 100000;
  double u = 0, g = 0, g2 = 0;
  for (int i = 0; i < n; ++i) {
    u += key.uniform(static_cast<std::uint64_t>(i));
    const double x = key.normal(static_cast<std::uint64_t>(i));
    g += x;
    g2 += x * x;
  }
  REQUIRE(u / n == Approx(0.5).margin(0.005));
  REQUIRE(g / n == Approx(0).margin(0.015));
  REQUIRE(g2 / n == Approx(1).margin(0.02));
}
