#include "nn/learned_bits.h"

#include <cmath>
#include <numbers>
#include <vector>

#include "catch.h"
#include "nn/params.h"

using namespace qkd;
using namespace qkd::nn;

namespace {

using Granularity = LearnedBits::Granularity;

ParamSpec spec(Granularity granularity) {
  ParamSpec s;
  s.name = "fc/kernel";
  s.shape = {2, 3};
  s.prunable = true;
  s.learned = LearnedBits{granularity, 2, -4, 8};
  return s;
}

}  // namespace

TEST_CASE("fraction bits are a tensor of their own that does not count", "[learned_bits]") {
  for (const auto& [granularity, size] :
       {std::pair{Granularity::weight, 6}, {Granularity::channel, 3}, {Granularity::layer, 1}}) {
    Params params({spec(granularity)});
    params.initialize(Key(1));
    REQUIRE(params.list().size() == 2);
    REQUIRE(params.list()[1].spec.name == "fc/kernel_fraction");
    REQUIRE(params.list()[1].size == static_cast<std::size_t>(size));
    REQUIRE(params.value(params.list()[1])[0] == 2.0f);
    REQUIRE(params.count() == 6);
  }
}

TEST_CASE("weights lie on the grid of their own fraction bits", "[learned_bits]") {
  Params params({spec(Granularity::channel)});
  const std::vector<float> w{0.30f, 0.30f, 0.30f, -0.70f, -0.70f, -0.70f}, f{0.4f, 2.0f, 4.6f};
  std::ranges::copy(w, params.value(params.list()[0]).begin());
  std::ranges::copy(f, params.value(params.list()[1]).begin());
  params.refresh();
  const std::vector<float> wanted{0, 0.25f, 0.3125f, -1, -0.75f, -0.6875f};
  REQUIRE(std::vector<float>(params.effective(0), params.effective(0) + 6) == wanted);
  const std::vector<double> exact = params.exact(0);
  for (std::size_t i = 0; i < 6; ++i) REQUIRE(exact[i] == static_cast<double>(wanted[i]));
  const std::vector<float> mask{1, 0, 1, 1, 1, 1};
  params.set_mask(0, mask);
  params.refresh();
  REQUIRE(params.effective(0)[1] == 0);
}

TEST_CASE("bits reach from the leading one to the grid", "[learned_bits]") {
  const std::vector<float> w{0.1f, 0.3f, 0.75f, -2.2f}, masks(4, 1.0f), f{2};
  const LearnedKernel kernel{4, w, masks, f};
  REQUIRE(kernel.bits(0) == 0);  // rounds to zero: pruned
  REQUIRE(kernel.bits(1) == 1);  // 0.25
  REQUIRE(kernel.bits(2) == 2);  // 0.11
  REQUIRE(kernel.bits(3) == 4);  // -10.01
}

TEST_CASE("fraction bits learn from the weights' error and from what bits cost", "[learned_bits]") {
  const std::vector<float> w{0.30f, -0.70f, 0.05f, 0.6f}, masks{1, 1, 1, 0}, f{2}, gradient{2, -3, 1, 100};
  const LearnedKernel kernel{1, w, masks, f};
  std::vector<float> learnt(1);
  kernel.learn(gradient, 0, learnt);
  const double error = 2 * 0.05 + -3 * 0.05 + 1 * 0.05;  // the masked one has no say
  REQUIRE(static_cast<double>(learnt[0]) == Approx(std::numbers::ln2 * error).margin(1e-6));
  kernel.learn(gradient, 0.5, learnt);
  REQUIRE(static_cast<double>(learnt[0]) ==
          Approx(std::numbers::ln2 * error + 2 * 0.5).margin(1e-6));  // one is zero
}

TEST_CASE("the estimate of d q / d f is the mean slope of the error over many weights", "[learned_bits]") {
  // E|d| halves with each bit: from f = 3 to f = 4, sum |d| falls by what sum ln 2 |d| predicts, within
  // rounding.
  std::vector<float> w(4096);
  const Key key(3);
  for (std::size_t i = 0; i < w.size(); ++i) w[i] = static_cast<float>(2 * key.uniform(i) - 1);
  const std::vector<float> masks(w.size(), 1.0f);
  const auto mean_error = [&](float bits) {
    const std::vector<float> f{bits};
    const LearnedKernel kernel{1, w, masks, f};
    double sum = 0;
    for (std::size_t i = 0; i < w.size(); ++i)
      sum += std::fabs(static_cast<double>(w[i]) - kernel.quantize(i));
    return sum / static_cast<double>(w.size());
  };
  const double slope = (mean_error(5) - mean_error(3)) / 2;  // central, at f = 4
  REQUIRE(slope == Approx(-std::numbers::ln2 * mean_error(4)).epsilon(0.12));
}

TEST_CASE("learned bits that make no sense are refused", "[learned_bits]") {
  REQUIRE_THROWS_AS((LearnedBits{Granularity::weight, 9, 0, 8}.check("w")), std::invalid_argument);
  REQUIRE_THROWS_AS((LearnedBits{Granularity::weight, 0, -20, 8}.check("w")), std::invalid_argument);
}
