// Optimisers on tensors that are not weights.
#include "train/optimizer.h"

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
