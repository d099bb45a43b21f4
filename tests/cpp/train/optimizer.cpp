// Optimisers on tensors that are not weights, and on large ones.
#include "train/optimizer.h"

#include <cmath>

#include "base/threads.h"
#include "catch.h"

using namespace qkd;

TEST_CASE("weight decay leaves learned bits alone", "[train]") {
  nn::ParamSpec spec;
  spec.name = "fc/kernel";
  spec.shape = {2, 3};
  spec.prunable = true;
  spec.learned = nn::LearnedBits{nn::LearnedBits::Granularity::layer, 4, -4, 8};
  nn::Params params({spec});
  params.initialize(Key(1));
  const nn::Param &kernel = params.list()[0], &bits = params.list()[1];
  params.value(kernel)[0] = 0.5f;
  train::AdamOptions options;
  options.weight_decay = 0.1f;
  const auto optimizer = train::make_adam(params, options);
  for (int step = 0; step < 100; ++step) optimizer->step(params, 0.1f);  // without any gradient
  REQUIRE(params.value(bits)[0] == 4.0f);
  REQUIRE(params.value(kernel)[0] < 0.25f);
}

TEST_CASE("every number of a large tensor is moved by its own gradient", "[train]") {
  nn::ParamSpec spec;
  spec.name = "kernel";
  spec.shape = {1, 2 * (1 << 15) + 3};
  nn::Params params({spec});
  const auto value = params.value(params.list()[0]), gradient = params.gradient(params.list()[0]);
  for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] = static_cast<float>(i % 1000);
  train::make_sgd(params, {})->step(params, 0.5f);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < value.size(); ++i) wrong += value[i] != -0.5f * gradient[i];
  CHECK(wrong == 0);
}

TEST_CASE("large tensors are moved in pieces with the same bits at one thread and at two, and quantised",
          "[train][threads]") {
  constexpr int kSize = 3 * (1 << 15) + 5;
  const auto moved = [](bool adam, int threads) {
    set_threads(threads);
    std::vector<nn::ParamSpec> specs(2);
    specs[0].name = "free/kernel";
    specs[1].name = "quantised/kernel";
    specs[1].type = FixedPoint(6, 1, true, Rounding::RND, Overflow::SAT);
    for (nn::ParamSpec& spec : specs) {
      spec.shape = {1, kSize};
      spec.initializer = nn::Initializer::random_uniform;
    }
    nn::Params params(specs);
    params.initialize(Key(1));
    const auto drawn = params.value(params.list()[0]);
    const std::vector<float> first(drawn.begin(), drawn.end());
    std::vector<float> mask(kSize), found;
    for (std::size_t i = 0; i < kSize; ++i) mask[i] = i % 3 == 0 ? 0.0f : 1.0f;
    params.set_mask(1, mask);
    const auto optimizer = adam ? train::make_adam(params, {}) : train::make_sgd(params, {.momentum = 0.9f});
    for (std::size_t step = 0; step < 2; ++step) {
      for (const nn::Param& p : params.list())
        for (std::size_t i = 0; i < kSize; ++i)
          params.gradient(p)[i] = static_cast<float>(Key(step).normal(i));
      optimizer->step(params, 0.01f);
      params.refresh();
    }
    for (std::size_t p = 0; p < 2; ++p)
      found.insert(found.end(), params.effective(p), params.effective(p) + kSize);
    // Every number has moved, and what is quantised is a multiple of a 32nd.
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < kSize; ++i) {
      const float steps = found[kSize + i] * 32;
      wrong += found[i] == first[i] || steps != std::round(steps) || (mask[i] == 0 && steps != 0);
    }
    CHECK(wrong == 0);
    return found;
  };
  const int before = threads();
  for (const bool adam : {false, true}) {
    const auto one = moved(adam, 1), two = moved(adam, 2);
    set_threads(before);
    REQUIRE(one == two);
  }
}
