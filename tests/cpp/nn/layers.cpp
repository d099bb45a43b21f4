// Every layer's exam: float32 steps against the float64 definition, gradients against finite differences of
// it.
#include <cmath>
#include <functional>

#include "base/key.h"
#include "catch.h"
#include "nn/activation.h"
#include "nn/dense.h"
#include "nn/graph.h"
#include "nn/rescaling.h"

using namespace qkd;
using nn::Activation;
using nn::Dense;
using nn::Graph;

namespace {

using Layers = std::vector<std::shared_ptr<const nn::Layer>>;

std::shared_ptr<Dense> dense(const char* name, int units, bool use_bias = true) {
  return std::make_shared<Dense>(name,
                                 Dense::Options{units, use_bias, nn::Initializer::glorot_uniform, {}, {}});
}

// sum(weight * logits) by the definition, a loss whose gradient at the logits is `weight`.
double loss(const Graph& g, int batch, const std::vector<double>& x, const std::vector<float>& weight) {
  std::vector<double> out(weight.size());
  g.evaluate(batch, x, out);
  double sum = 0;
  for (std::size_t i = 0; i < out.size(); ++i) sum += out[i] * static_cast<double>(weight[i]);
  return sum;
}

void examine(Graph& g, int batch) {
  const Key key(5);
  g.params().initialize(key);
  for (const nn::Param& p : g.params().list())
    for (std::size_t i = 0; i < p.size; ++i)
      g.params().value(p)[i] += static_cast<float>(0.1 * key.fold(9).normal(i));
  g.params().refresh();
  const std::size_t n = static_cast<std::size_t>(batch) * g.input().size(),
                    out = static_cast<std::size_t>(batch) * g.output().size();
  std::vector<double> x(n);
  std::vector<float> weight(out);
  nn::Plan& plan = g.plan(batch, true);
  for (std::size_t i = 0; i < n; ++i) {
    plan.src()[i] = static_cast<float>(key.fold(1).normal(i));
    x[i] = static_cast<double>(plan.src()[i]);
  }
  for (std::size_t i = 0; i < out; ++i) weight[i] = static_cast<float>(key.fold(2).normal(i));

  plan.forward();
  std::vector<double> exact(out);
  g.evaluate(batch, x, exact);
  for (std::size_t i = 0; i < out; ++i)
    REQUIRE(static_cast<double>(plan.dst()[i]) == Approx(exact[i]).margin(2e-5));

  std::copy(weight.begin(), weight.end(), plan.diff_dst());
  plan.backward();
  for (const nn::Param& p : g.params().list())
    for (std::size_t i = 0; i < p.size; i += 1 + p.size / 7) {
      float& v = g.params().value(p)[i];
      const float before = v, h = 1.0f / 1024;
      v = before + h;
      const double up = loss(g, batch, x, weight), high = static_cast<double>(v);
      v = before - h;
      const double down = loss(g, batch, x, weight), low = static_cast<double>(v);
      v = before;
      INFO(p.spec.name << " " << i);
      REQUIRE(static_cast<double>(g.params().gradient(p)[i]) ==
              Approx((up - down) / (high - low)).margin(2e-3).epsilon(2e-3));
    }
}

}  // namespace

TEST_CASE("dense, relu and rescaling pass their exam", "[nn]") {
  Graph g(
      {6},
      Layers{
          std::make_shared<nn::Rescaling>("scale", std::vector<float>(6, 0.5f), std::vector<float>(6, 0.25f)),
          dense("fc1", 9), std::make_shared<Activation>("relu", Activation::Function::relu, std::nullopt),
          dense("fc2", 5, false),
          std::make_shared<Activation>("same", Activation::Function::linear, std::nullopt), dense("out", 3)});
  for (const int batch : {1, 4, 33}) examine(g, batch);
}

TEST_CASE("a dense layer by oneDNN gives what our kernel gives", "[nn]") {
  const Key key(3);
  const int batch = 40, n = 50, units = 30;
  const auto fill = [&](std::size_t size, std::uint64_t id) {
    Buffer<float> b(size);
    for (std::size_t i = 0; i < size; ++i) b.data()[i] = static_cast<float>(key.fold(id).normal(i));
    return b;
  };
  const Buffer<float> src = fill(batch * n, 1), kernel = fill(n * units, 2), bias = fill(units, 3),
                      diff_dst = fill(batch * units, 4);
  std::vector<std::vector<float>> results[2];
  for (const bool onednn : {false, true}) {
    Buffer<float> dst(batch * units), diff_src(batch * n), diff_kernel(n * units), diff_bias(units);
    nn::Binding b{batch,
                  {n},
                  {units},
                  src.data(),
                  dst.data(),
                  diff_dst.data(),
                  diff_src.data(),
                  {kernel.data(), bias.data()},
                  {diff_kernel.data(), diff_bias.data()}};
    const auto step = onednn ? nn::bind_dense_onednn(b) : nn::bind_dense_simd(b);
    step->forward();
    step->backward();
    for (const Buffer<float>* r : {&dst, &diff_src, &diff_kernel, &diff_bias})
      results[onednn].emplace_back(r->data(), r->data() + r->size());
  }
  for (std::size_t r = 0; r < 4; ++r)
    for (std::size_t i = 0; i < results[0][r].size(); ++i)
      REQUIRE(results[0][r][i] == Approx(results[1][r][i]).margin(1e-4));
}

TEST_CASE("quantisers pass the gradient inside their range and stop it outside", "[nn]") {
  const FixedPoint type(4, 2, true, Rounding::RND, Overflow::SAT);  // -2 to 1.75 in steps of 0.25
  const Activation linear("q", Activation::Function::linear, type),
      relu("r", Activation::Function::relu, type);
  const std::vector<float> x{-3, -1.1f, -0.1f, 0.1f, 1.7f, 3}, ones(6, 1);
  std::vector<float> y(6), diff(6);
  const nn::Binding b{1, {6}, {6}, x.data(), y.data(), ones.data(), diff.data()};
  const auto run = [&](const Activation& a) {
    const auto step = a.bind(b);
    step->forward();
    step->backward();
  };
  run(linear);
  REQUIRE(y == std::vector<float>{-2, -1, 0, 0, 1.75f, 1.75f});
  REQUIRE(diff == std::vector<float>{0, 1, 1, 1, 1, 0});
  run(relu);
  REQUIRE(y == std::vector<float>{0, 0, 0, 0, 1.75f, 1.75f});
  REQUIRE(diff == std::vector<float>{0, 0, 0, 1, 1, 0});
}

TEST_CASE("shapes are checked when the graph is built, with the layer's name", "[nn]") {
  REQUIRE_THROWS_WITH(Graph({2, 3}, Layers{dense("fc1", 4)}),
                      Catch::Contains("fc1") && Catch::Contains("Flatten"));
  REQUIRE_THROWS_WITH(Graph({2}, Layers{dense("a", 4), dense("a", 4)}), Catch::Contains("two layers"));
  REQUIRE_THROWS_WITH(dense("fc1", 0), Catch::Contains("units must be positive"));
}

TEST_CASE("a plan's buffers that live at one time never overlap", "[nn]") {
  Arena arena;
  struct Life {
    Arena::Handle handle;
    std::size_t size;
    int first, last;
  };
  std::vector<Life> lives;
  const Key key(8);
  std::size_t total = 0;
  for (std::uint64_t i = 0; i < 60; ++i) {
    const auto size = static_cast<std::size_t>(1 + key.fold(1).below(i, 200));
    const int first = static_cast<int>(key.fold(2).below(i, 40)),
              last = first + static_cast<int>(key.fold(3).below(i, 8));
    lives.push_back({arena.reserve(size, first, last), size, first, last});
    total += size;
  }
  arena.allocate();
  REQUIRE(arena.size() < total / 2);  // sharing is what it is for
  for (const Life& a : lives)
    for (const Life& b : lives)
      if (a.handle < b.handle && a.first <= b.last && b.first <= a.last)
        REQUIRE((arena.at(a.handle) + a.size <= arena.at(b.handle) ||
                 arena.at(b.handle) + b.size <= arena.at(a.handle)));
}
