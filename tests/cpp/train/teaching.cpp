#include "train/teaching.h"

#include <cmath>
#include <vector>

#include "base/key.h"
#include "catch.h"
#include "train/loss.h"

using namespace qkd;
using namespace qkd::train;

namespace {

std::vector<float> normal(std::uint64_t seed, int n, double scale = 1) {
  const Key key(seed);
  std::vector<float> out;
  for (int i = 0; i < n; ++i)
    out.push_back(static_cast<float>(scale * (2 * key.uniform(static_cast<std::uint64_t>(i)) - 1)));
  return out;
}

// d f / d x_i by central differences, f in float64 of float32 arguments: steps that are exact in float32.
template <typename F>
double slope(const F& f, std::vector<float> x, std::size_t i) {
  constexpr float kStep = 0x1p-8f;
  const float at = x[i];
  x[i] = at + kStep;
  const double up = f(x);
  x[i] = at - kStep;
  const double down = f(x);
  return (up - down) / (2.0 * 0x1p-8);
}

}  // namespace

TEST_CASE("every teaching term's gradient is the slope of its value", "[teaching]") {
  constexpr int kClasses = 5;
  const auto s = normal(1, kClasses, 3), t = normal(2, kClasses, 3);
  for (const Teaching kind : {Teaching::logits_mse, Teaching::probabilities, Teaching::reference})
    for (const float temperature : {1.0f, 4.0f}) {
      TeachingTerm term(kind, kClasses, temperature);
      std::vector<float> diff(kClasses, 0.25f);  // it adds
      term.add(s.data(), t.data(), 2, diff.data());
      const auto value = [&](const std::vector<float>& x) {
        std::vector<float> unused(kClasses);
        return term.add(x.data(), t.data(), 1, unused.data());
      };
      for (std::size_t i = 0; i < kClasses; ++i)
        REQUIRE(static_cast<double>(diff[i]) == Approx(0.25 + 2 * slope(value, s, i)).margin(2e-5));
    }
}

TEST_CASE("a student that equals its teacher has nothing to learn", "[teaching]") {
  const auto t = normal(3, 4, 3);
  for (const Teaching kind : {Teaching::logits_mse, Teaching::probabilities, Teaching::reference}) {
    TeachingTerm term(kind, 4, 2);
    std::vector<float> diff(4);
    REQUIRE(term.add(t.data(), t.data(), 1, diff.data()) == Approx(0).margin(1e-12));
    for (const float d : diff) REQUIRE(d == Approx(0).margin(1e-6));
  }
}

TEST_CASE("the reference's term is bounded by its second softmax", "[teaching]") {
  // Two teachers that could not disagree more: classes 0 and 1, each beyond doubt.
  const std::vector<float> sure{60, 0, 0, 0}, other{0, 60, 0, 0};
  std::vector<float> diff(4);
  const double at_ten =
      TeachingTerm(Teaching::reference, 4, 10).add(other.data(), sure.data(), 1, diff.data());
  REQUIRE(at_ten <= 0.0026);
  REQUIRE(at_ten > 0.0025);
  for (const float d : diff) REQUIRE(std::fabs(d) < 1e-8f);  // and there is no slope to leave by
}

TEST_CASE("hints' gradients are the slopes of their values", "[teaching]") {
  constexpr int kPixels = 6, kChannels = 3;
  for (const Hint::Kind kind : {Hint::Kind::features, Hint::Kind::attention}) {
    const Hint hint{kind, kPixels, kChannels, 0.5f};
    const auto s = normal(4, hint.student_size(), 2);
    auto t = normal(5, kPixels * kChannels);
    if (kind == Hint::Kind::attention) {
      const auto a = t;
      attention_map(kPixels, kChannels, a.data(), t.data());
      double norm = 0;
      for (int p = 0; p < kPixels; ++p)
        norm += static_cast<double>(t[static_cast<std::size_t>(p)]) *
                static_cast<double>(t[static_cast<std::size_t>(p)]);
      REQUIRE(norm == Approx(1));
    }
    std::vector<float> diff(s.size());
    hint.apply(s.data(), t.data(), 3, diff.data());
    const auto value = [&](const std::vector<float>& x) {
      std::vector<float> unused(x.size());
      return hint.apply(x.data(), t.data(), 1, unused.data());
    };
    for (std::size_t i = 0; i < s.size(); ++i)
      REQUIRE(static_cast<double>(diff[i]) == Approx(3 * slope(value, s, i)).margin(5e-5));
  }
}

TEST_CASE("an attention hint of nothing has no slope", "[teaching]") {
  const Hint hint{Hint::Kind::attention, 2, 2, 1};
  const std::vector<float> zero(4), t{0.6f, 0.8f};
  std::vector<float> diff(4, 1.0f);
  REQUIRE(hint.apply(zero.data(), t.data(), 1, diff.data()) == Approx(0.5));
  REQUIRE(diff == std::vector<float>(4));
}

TEST_CASE("a taught loss mixes the labels' and the teacher's terms", "[teaching]") {
  constexpr int kBatch = 3, kClasses = 4;
  const auto s = normal(6, kBatch * kClasses, 2), t = normal(7, kBatch * kClasses, 2);
  const std::vector<std::int32_t> labels{0, 3, 1};
  Loss loss(kClasses, kBatch);
  const Distillation d{0.65f, 1, Teaching::logits_mse};
  std::vector<float> diff(s.size()), plain(s.size());
  const LossResult mixed = loss.teach(kBatch, s.data(), labels.data(), t.data(), d, diff.data());
  const LossResult alone = loss.cross_entropy(kBatch, s.data(), labels.data(), plain.data());
  double mse = 0;
  for (std::size_t i = 0; i < s.size(); ++i) mse += std::pow(static_cast<double>(s[i] - t[i]), 2) / kClasses;
  REQUIRE(mixed.loss == Approx(0.65 * alone.loss + 0.35 * mse));
  REQUIRE(mixed.correct == alone.correct);
  for (std::size_t i = 0; i < s.size(); ++i)
    REQUIRE(static_cast<double>(diff[i]) ==
            Approx(0.65 * static_cast<double>(plain[i]) +
                   0.35 * 2 * static_cast<double>(s[i] - t[i]) / kClasses / kBatch)
                .margin(1e-6));
}
