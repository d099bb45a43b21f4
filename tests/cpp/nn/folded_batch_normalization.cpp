// What a layer with its normalisation folded in computes with, step by step; its exam is in layers.cpp.
#include "nn/folded_batch_normalization.h"

#include <cmath>

#include "catch.h"
#include "nn/dense.h"
#include "nn/graph.h"

using namespace qkd;

TEST_CASE("a folded layer computes with quantised numbers, and its statistics freeze", "[nn]") {
  nn::FoldedBatchNormalization::Options o;
  o.momentum = 0.5f;
  o.freeze_delay = 0;
  nn::Dense::Options fc{1, false};
  fc.kernel.type = FixedPoint(4, 2, true, Rounding::RND, Overflow::SAT);
  nn::Graph g({1},
              std::vector<std::shared_ptr<const nn::Layer>>{
                  std::make_shared<nn::FoldedBatchNormalization>(std::make_shared<nn::Dense>("fc", fc), o)});
  g.params().initialize(Key(1));
  const auto value = [&](std::size_t i) -> float& { return g.params().value(g.params().list()[i])[0]; };
  value(0) = 0.3f;
  g.params().refresh();
  nn::Plan& plan = g.plan(2, true);
  const auto step = [&](float a, float b) {
    plan.src()[0] = a;
    plan.src()[1] = b;
    plan.forward();
    return plan.dst()[1] - plan.dst()[0];  // the bias cancels out
  };
  // src * kernel is -0.6 and 0.6: variance 0.36, the moving one 0.68; 0.3 / sqrt(0.681) = 0.3635 becomes 0.25
  // or 0.5 in steps of 0.25: 0.25. The correction is sqrt(0.681 / 0.361).
  REQUIRE(step(-2, 2) == Approx(4 * 0.25 * std::sqrt(0.681 / 0.361)));
  REQUIRE(value(4) == Approx(0.68));  // gamma, beta, mean, variance, steps
  step(-2, 2);
  REQUIRE(value(4) == Approx(0.52));
  REQUIRE(value(5) == 2);
  REQUIRE(step(-9, 9) == Approx(18 * 0.5));  // frozen: 0.3 / sqrt(0.521) = 0.4156
  REQUIRE(value(4) == Approx(0.52));
  nn::Plan& inference = g.plan(1, false);
  inference.src()[0] = 1;
  inference.forward();
  REQUIRE(inference.dst()[0] == Approx(0.5 - static_cast<double>(value(3)) / std::sqrt(0.521)));
}
