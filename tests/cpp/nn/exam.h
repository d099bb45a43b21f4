// Every layer's exam: float32 steps against the float64 definition, gradients against finite differences of
// it.
#pragma once
#include <algorithm>
#include <cmath>
#include <functional>

#include "base/key.h"
#include "base/threads.h"
#include "catch.h"
#include "nn/activation.h"
#include "nn/batch_normalization.h"
#include "nn/convolution.h"
#include "nn/dense.h"
#include "nn/dropout.h"
#include "nn/embedding.h"
#include "nn/folded_batch_normalization.h"
#include "nn/graph.h"
#include "nn/gru.h"
#include "nn/merge.h"
#include "nn/pooling.h"
#include "nn/rescaling.h"
#include "nn/reshape.h"
#include "nn/zero_padding.h"

using namespace qkd;
using nn::Activation;
using nn::Convolution;
using nn::Dense;
using nn::function_from;
using nn::Graph;
using nn::Node;

using Layers = std::vector<std::shared_ptr<const nn::Layer>>;

inline std::shared_ptr<Dense> dense(const char* name, int units, bool use_bias = true) {
  Dense::Options o{units, use_bias};
  o.kernel.initializer = nn::Initializer::glorot_uniform;
  return std::make_shared<Dense>(name, o);
}

inline std::shared_ptr<Activation> activation(const char* name, const char* function) {
  return std::make_shared<Activation>(name, function_from(function), std::nullopt);
}

inline std::shared_ptr<Convolution> convolution(const char* name, int filters, nn::Window window,
                                                bool depthwise = false, bool use_bias = true) {
  Convolution::Options o{filters, window, use_bias, depthwise};
  o.kernel.initializer = nn::Initializer::glorot_uniform;
  return std::make_shared<Convolution>(name, o);
}

inline std::shared_ptr<nn::BatchNormalization> normalization(const char* name) {
  return std::make_shared<nn::BatchNormalization>(name, nn::BatchNormalization::Options{});
}

inline std::shared_ptr<nn::Pooling> pooling(const char* name, nn::Pooling::Kind kind, nn::Window window) {
  return std::make_shared<nn::Pooling>(name, nn::Pooling::Options{kind, window});
}

inline std::shared_ptr<nn::Pooling> global(const char* name, nn::Pooling::Kind kind) {
  return std::make_shared<nn::Pooling>(name, nn::Pooling::Options{kind, {}, true});
}

inline std::shared_ptr<nn::Reshape> flatten() {
  return std::make_shared<nn::Reshape>("flatten", std::vector<int>{-1});
}

constexpr auto kMax = nn::Pooling::Kind::max, kAverage = nn::Pooling::Kind::average;

// sum(weight * logits) by the definition, a loss whose gradient at the logits is `weight`.
inline double loss(const Graph& g, int batch, const std::vector<double>& x, const std::vector<float>& weight,
                   nn::Pass pass) {
  std::vector<double> out(weight.size());
  g.evaluate(batch, x, out, {}, true, pass);
  double sum = 0;
  for (std::size_t i = 0; i < out.size(); ++i) sum += out[i] * static_cast<double>(weight[i]);
  return sum;
}

// Every layer's exam: the step against the definition, in training and out of it, and the gradients of every
// parameter against finite differences of the definition. `draw` makes the source's numbers; `steps` have
// been trained before, where a layer counts them.
inline void examine(Graph& g, int batch, const std::function<double(std::size_t)>& draw = {},
                    float steps = 0) {
  const Key key(5);
  const nn::Pass pass{key.fold("pass")};
  g.params().initialize(key);
  for (const nn::Param& p : g.params().list())
    for (std::size_t i = 0; i < p.size; ++i)
      g.params().value(p)[i] =
          p.spec.name.ends_with("/steps")
              ? steps
              : g.params().value(p)[i] + static_cast<float>(0.1 * std::abs(key.fold(9).normal(i)));
  g.params().refresh();
  const std::size_t n = static_cast<std::size_t>(batch) * g.input().size(),
                    out = static_cast<std::size_t>(batch) * g.output().size();
  std::vector<double> x(n), exact(out);
  for (std::size_t i = 0; i < n; ++i)
    x[i] = static_cast<double>(static_cast<float>(draw ? draw(i) : key.fold(1).normal(i)));
  std::vector<float> weight(out);
  for (std::size_t i = 0; i < out; ++i) weight[i] = static_cast<float>(key.fold(2).normal(i));

  for (const bool training : {false, true}) {
    nn::Plan& plan = g.plan(batch, training);
    std::ranges::transform(x, plan.src(), [](double v) { return static_cast<float>(v); });
    plan.forward(pass);
    g.evaluate(batch, x, exact, {}, training, pass);
    for (std::size_t i = 0; i < out; ++i)
      REQUIRE(static_cast<double>(plan.dst()[i]) == Approx(exact[i]).margin(5e-5).epsilon(1e-4));
  }

  constexpr std::size_t kMany = 130;  // are evaluated in pieces, but at once where they are traced
  std::vector<double> many(kMany * g.input().size()), pieces(kMany * g.output().size()), whole(pieces.size());
  for (std::size_t i = 0; i < many.size(); ++i) many[i] = x[i % n];
  g.evaluate(kMany, many, pieces);
  g.evaluate(kMany, many, whole, [](std::size_t, std::span<const double>) {});
  REQUIRE(pieces == whole);

  g.params().refresh();
  nn::Plan& plan = g.plan(batch, true);
  std::copy(weight.begin(), weight.end(), plan.diff_dst());
  plan.backward();
  for (const nn::Param& p : g.params().list()) {
    if (!p.spec.trainable) continue;
    for (std::size_t i = 0; i < p.size; i += 1 + p.size / 7) {
      float& v = g.params().value(p)[i];
      const float before = v, h = 1.0f / 4096;
      v = before + h;
      const double up = loss(g, batch, x, weight, pass), high = static_cast<double>(v);
      v = before - h;
      const double down = loss(g, batch, x, weight, pass), low = static_cast<double>(v);
      v = before;
      INFO(p.spec.name << " " << i << " in a batch of " << batch);
      REQUIRE(static_cast<double>(g.params().gradient(p)[i]) ==
              Approx((up - down) / (high - low)).margin(3e-3).epsilon(3e-3));
    }
  }
}
