#include "fixed/network.h"

#include "catch.h"
#include "fixed/activation.h"
#include "fixed/conv.h"
#include "fixed/dense.h"
#include "fixed/merge.h"
#include "fixed/pooling.h"
#include "fixed/reshape.h"

using namespace qkd;
using namespace qkd::fixed;

namespace {

const FixedPoint kWhole8(8, 8), kWhole20(20, 20), kWhole40(40, 40);

// A 3x3 window of ones over an image of one channel, zeros around it.
std::shared_ptr<Layer> ones(const std::string& name, FixedPoint result) {
  const Window window{{3, 3}, {1, 1}, {1, 1}, {1, 1}};
  Weights weights{std::vector<std::int64_t>(9, 1), {0}, FixedPoint(2, 2), FixedPoint(1, 1)};
  return std::make_shared<Conv>(name, window, 1, std::move(weights), result);
}

}  // namespace

TEST_CASE("a convolution counts the pixels under its window") {
  for (const FixedPoint& result : {kWhole20, kWhole40}) {  // in 32-bit lanes and in 64-bit ones
    Network n(Shape{3, 3, 1}, kWhole8);
    n.add(ones("conv", result), {Network::kInput});
    REQUIRE(n.narrow() == (result.bits < 32));
    const std::vector<std::int64_t> src(9, 1);
    std::vector<std::int64_t> dst(9);
    n.run(src, dst);
    CHECK(dst == std::vector<std::int64_t>{4, 6, 4, 6, 9, 6, 4, 6, 4});
  }
}

TEST_CASE("wide sums are exact where doubles hold them, and where they do not") {
  constexpr int kTerms = 3;
  for (const int bits : {24, 27, 29}) {  // sums of 2 bits + twice as many: below 2^53 or beyond
    const FixedPoint type(bits, bits);
    const std::int64_t low = type.low_code(), high = type.high_code();
    for (const int n_out : {1, 4, 13}) {  // 13: eight sums at once, four, and one
      Weights weights{{}, {}, type, FixedPoint(2, 2)};
      for (int i = 0; i < kTerms * n_out; ++i) weights.weights.push_back(i % 3 == 0 ? low : high - i);
      for (int o = 0; o < n_out; ++o) weights.bias.push_back(o % 2);
      Network n(Shape{kTerms}, type);
      n.add(std::make_shared<Dense>("dense", kTerms, weights, FixedPoint(62, 62)), {Network::kInput});
      REQUIRE(!n.narrow());
      const std::vector<std::int64_t> src{low, high, low + 1, high, high - 2, 0, 1, -1, low};
      std::vector<std::int64_t> dst(3 * static_cast<std::size_t>(n_out));
      n.run(src, dst);
      for (std::size_t s = 0; s < 3; ++s)
        for (std::size_t o = 0; o < weights.bias.size(); ++o) {
          std::int64_t sum = weights.bias[o];
          for (std::size_t i = 0; i < kTerms; ++i)
            sum += src[s * kTerms + i] * weights.weights[i * weights.bias.size() + o];
          CHECK(dst[s * weights.bias.size() + o] == sum);
        }
    }
  }
}

TEST_CASE("a branch lives until its last reader, whatever lies between") {
  Network n(Shape{2, 2, 1}, kWhole8);
  const auto copy = [](const char* name) {
    return std::make_shared<fixed::Activation>(name, Function::linear, Coefficient{}, Coefficient{}, kWhole8);
  };
  n.add(copy("kept"), {Network::kInput});
  n.add(ones("a", kWhole20), {"kept"});
  n.add(ones("b", kWhole20), {"a"});
  n.add(std::make_shared<Add>("sum", kWhole20), {"b", "kept"});
  n.add(std::make_shared<Concatenate>("both", kWhole20), {"sum", "kept"});
  n.add(std::make_shared<Reshape>("flat", Shape{8}, kWhole20), {"both"});
  std::vector<std::int64_t> src, dst(17 * 8);
  for (int i = 0; i < 17 * 4; ++i) src.push_back(i % 100);  // one sample more than a block holds
  n.run(src, dst);
  for (int s = 0; s < 17; ++s) {
    std::int64_t all = 0;
    for (int i = 0; i < 4; ++i) all += src[s * 4 + i];
    for (int i = 0; i < 4; ++i) {
      CHECK(dst[s * 8 + i * 2] == 4 * all + src[s * 4 + i]);
      CHECK(dst[s * 8 + i * 2 + 1] == src[s * 4 + i]);
    }
  }
  CHECK(n.trace(src).back() == dst);
}

TEST_CASE("lanes without a sample hold no other tensor's codes") {  // which overflow: the sanitizer sees it
  Network n(Shape{1}, kWhole8);
  for (int i = 0; i < 4; ++i) {
    Weights weights{{50}, {0}, kWhole8, FixedPoint(1, 1)};
    const std::string source = i == 0 ? Network::kInput : std::to_string(i - 1);
    n.add(std::make_shared<Dense>(std::to_string(i), 1, std::move(weights), FixedPoint(31, 31)), {source});
  }
  REQUIRE(n.narrow());
  const std::vector<std::int64_t> src(17, 10);  // one sample more than a block holds
  std::vector<std::int64_t> dst(17);
  n.run(src, dst);
  CHECK(dst == std::vector<std::int64_t>(17, 62'500'000));
}

TEST_CASE("an average is cut towards zero on the accumulator's grid, then cast") {
  Network n(Shape{3, 1}, kWhole8);
  const Window window{{1, 3}, {1, 3}, {0, 0}, {0, 0}};
  n.add(std::make_shared<AveragePooling>("mean", window, true, FixedPoint(12, 11), FixedPoint(11, 10)),
        {Network::kInput});
  std::vector<std::int64_t> dst(2);
  n.run(std::vector<std::int64_t>{-1, -2, -2, 1, 2, 2}, dst);  // -5/3 lies between -2.0 and -1.5
  CHECK(dst == std::vector<std::int64_t>{-3, 3});
}

TEST_CASE("what could overflow or does not fit is refused by name") {
  Network n(Shape{3, 3, 1}, kWhole8);
  CHECK_THROWS_WITH(n.add(ones("conv", FixedPoint(11, 11)), {Network::kInput}),
                    Catch::Contains("[conv] its result_type") && Catch::Contains("-1152 to 1143"));
  CHECK_THROWS_WITH(n.add(ones("conv", kWhole20), {"nobody"}), Catch::Contains("'nobody'"));
  CHECK_THROWS_WITH(n.add(std::make_shared<Add>("sum", kWhole20), {Network::kInput}),
                    Catch::Contains("[sum] takes 2 inputs; got 1"));
  CHECK(n.exact_type(*ones("conv", kWhole20), {Network::kInput}) == FixedPoint(12, 12));
}
