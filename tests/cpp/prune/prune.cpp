#include <algorithm>
#include <limits>

#include "catch.h"
#include "prune/magnitude.h"
#include "prune/schedule.h"

using namespace qkd::prune;

TEST_CASE("magnitude pruning removes the smallest, at least as many as asked", "[prune]") {
  const std::vector<float> w{0.5f, -0.1f, 0.3f, -0.9f, 0.1f};
  REQUIRE(magnitude_mask(w, 0) == std::vector<float>{1, 1, 1, 1, 1});
  REQUIRE(magnitude_mask(w, 0.4) == std::vector<float>{1, 0, 1, 1, 0});
  REQUIRE(magnitude_mask(w, 0.41) == std::vector<float>{1, 0, 0, 1, 0});
  REQUIRE(magnitude_mask(w, 0.2) == std::vector<float>{1, 0, 1, 1, 1});  // of equals the first goes
  const std::vector<float> ten(10, 1.0f);
  REQUIRE(std::ranges::count(magnitude_mask(ten, 0.3), 0.0f) ==
          3);  // 0.3 * 10 is a little more than 3 in binary
}

TEST_CASE("groups go as one, weakest mean first", "[prune]") {
  const std::vector<float> w{5, 1, 1, 2, 2, 9};
  const Groups pairs{{0, 0, 1, 1, 2, 2}, {}};
  const Tensor t{w, &pairs};
  REQUIRE(magnitude_masks({&t, 1}, 0.3)[0] == std::vector<float>{1, 1, 0, 0, 1, 1});
  REQUIRE(magnitude_masks({&t, 1}, 0.34)[0] == std::vector<float>{0, 0, 0, 0, 1, 1});
  REQUIRE(magnitude_masks({&t, 1}, 0.99)[0] == std::vector<float>{0, 0, 0, 0, 1, 1});  // the last group stays
}

TEST_CASE("blocks give their share each", "[prune]") {
  const std::vector<float> w{1, 2, 3, 4, 9, 8, 7, 6};
  const Groups fours{{}, {0, 0, 0, 0, 1, 1, 1, 1}};
  const Tensor t{w, &fours};
  REQUIRE(magnitude_masks({&t, 1}, 0.5)[0] == std::vector<float>{0, 0, 1, 1, 1, 1, 0, 0});
}

TEST_CASE("tensors pruned together share one pool and keep a weight each", "[prune]") {
  const std::vector<float> small{0.1f, 0.2f, 0.3f}, large{1, 2, 3};
  const std::vector<Tensor> both{{small}, {large}};
  const auto half = magnitude_masks(both, 0.5);
  REQUIRE(half[0] == std::vector<float>{0, 0, 1});
  REQUIRE(half[1] == std::vector<float>{0, 1, 1});
}

TEST_CASE("groups that make no sense are refused", "[prune]") {
  REQUIRE_THROWS_AS((Groups{{0, 1}, {}}.check(3, "w")), std::invalid_argument);
  REQUIRE_THROWS_AS((Groups{{0, 3, 1}, {}}.check(3, "w")), std::invalid_argument);
  REQUIRE_THROWS_AS((Groups{{0, 0, 1}, {0, 1, 1}}.check(3, "w")), std::invalid_argument);
  REQUIRE_NOTHROW(Groups{{0, 0, 1}, {0, 0, 1}}.check(3, "w"));
}

TEST_CASE("polynomial decay follows its equation and its steps", "[prune]") {
  const Schedule s{0.0, 0.8, 100, 200, 20, 3};
  REQUIRE_FALSE(s.due(99));
  REQUIRE(s.due(100));
  REQUIRE_FALSE(s.due(110));
  REQUIRE(s.due(120));
  REQUIRE(s.due(200));
  REQUIRE_FALSE(s.due(220));
  REQUIRE(s.sparsity(100) == 0.0);
  REQUIRE(s.sparsity(150) == Approx(0.8 - 0.8 * 0.125));
  REQUIRE(s.sparsity(200) == 0.8);
  REQUIRE(s.sparsity(500) == 0.8);
}

TEST_CASE("a schedule that ends off its grid still reaches the end", "[prune]") {
  const Schedule s{0.0, 0.5, 0, 95, 10, 3};
  REQUIRE(s.due(95));
  REQUIRE(s.sparsity(95) == 0.5);
}

TEST_CASE("schedules that make no sense are refused", "[prune]") {
  REQUIRE_THROWS_AS((Schedule{0, 1.0, 0, 10, 1, 3}.check()), std::invalid_argument);
  REQUIRE_THROWS_AS((Schedule{0, 0.5, 10, 5, 1, 3}.check()), std::invalid_argument);
  REQUIRE_THROWS_AS((Schedule{0, 0.5, 0, 10, 0, 3}.check()), std::invalid_argument);
  REQUIRE_THROWS_AS((Schedule{0, 0.5, 0, -1, 1, 3}.check()), std::invalid_argument);
}

TEST_CASE("weights that are no numbers are removed last", "[prune]") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  REQUIRE(magnitude_mask(std::vector<float>{nan, 3, nan, 1}, 0.5) == std::vector<float>{1, 0, 1, 0});
}
