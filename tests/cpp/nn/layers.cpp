// Every other layer.
#include <set>

#include "nn/exam.h"

TEST_CASE("dense, activations and rescaling pass their exam", "[nn]") {
  Graph g(
      {6},
      Layers{
          std::make_shared<nn::Rescaling>("scale", std::vector<float>(6, 0.5f), std::vector<float>(6, 0.25f)),
          dense("fc1", 9), activation("relu", "relu"), dense("fc2", 7), activation("tanh", "tanh"),
          dense("fc3", 7), activation("sigmoid", "sigmoid"), dense("fc4", 7),
          activation("leaky", "leaky_relu"), dense("fc5", 7), activation("hard", "hard_sigmoid"),
          dense("fc6", 5, false), activation("same", "linear"),
          std::make_shared<nn::Rescaling>("again", std::vector<float>(5, 2.0f), std::vector<float>(5, 1.0f)),
          dense("out", 3)});
  for (const int batch : {1, 4, 33}) examine(g, batch);
}

TEST_CASE("layers with batch normalisation folded into them pass their exam", "[nn]") {
  const auto mode = GENERATE(nn::FoldedBatchNormalization::Folding::ema_stats,
                             nn::FoldedBatchNormalization::Folding::batch_stats);
  const bool frozen = GENERATE(false, true);
  const auto folded = [&](std::shared_ptr<const nn::Layer> inner) {
    nn::FoldedBatchNormalization::Options o;
    o.folding = mode;
    o.freeze_delay = frozen ? 9 : -1;
    return std::make_shared<nn::FoldedBatchNormalization>(std::move(inner), o);
  };
  const nn::Window same{3, 3, 1, 1, nn::Padding::same};
  Graph g({8, 8, 3},
          Layers{folded(convolution("few", 16, same)), activation("relu", "relu"),
                 folded(convolution("onednn", 16, same, false, false)), activation("relu6", "relu6"),
                 folded(convolution("depth", 1, {3, 3, 2, 2, nn::Padding::same}, true)),
                 folded(convolution("few_depth", 2, {2, 2}, true, false)), flatten(), folded(dense("fc", 5)),
                 dense("out", 3)});
  examine(g, 9, {}, 100);
  REQUIRE(g.plan(9, true).shards() == 2);
}

namespace {

std::shared_ptr<nn::Gru> gru(const char* name, int units, bool sequences,
                             std::optional<FixedPoint> state = {}) {
  nn::Gru::Options o{units, sequences};
  o.kernel.initializer = o.recurrent.initializer = nn::Initializer::glorot_uniform;
  o.state = state;
  return std::make_shared<nn::Gru>(name, o);
}

std::shared_ptr<nn::Embedding> embedding() {
  nn::ParamSpec table;
  table.initializer = nn::Initializer::random_uniform;
  return std::make_shared<nn::Embedding>("table", 9, 4, table);
}

double row(std::size_t i) { return static_cast<double>(i * 7 % 9); }

}  // namespace

TEST_CASE("embedding and GRU pass their exam", "[nn]") {
  Graph g({6}, Layers{embedding(), gru("first", 5, true), gru("last", 3, false), dense("out", 2)});
  for (const int batch : {1, 5}) examine(g, batch, row);
}

// Steps so fine that finite differences see through them.
TEST_CASE("GRUs whose states are rounded pass their exam", "[nn]") {
  const FixedPoint fine(23, 1, true, Rounding::RND, Overflow::SAT);
  Graph g({6},
          Layers{embedding(), gru("first", 5, true, fine), gru("last", 3, false, fine), dense("out", 2)});
  for (const int batch : {1, 5}) examine(g, batch, row);
}

TEST_CASE("a GRU's states are the definition's, rounded and saturated", "[nn]") {
  const FixedPoint coarse(5, 0, true, Rounding::RND, Overflow::SAT);
  Graph g({6}, Layers{embedding(), gru("only", 7, true, coarse)});
  for (const nn::Param& p : g.params().list())
    for (std::size_t i = 0; i < p.size; ++i)
      g.params().value(p)[i] = static_cast<float>(Key(5).fold(p.spec.name).normal(i));
  g.params().refresh();
  nn::Plan& plan = g.plan(5, false);
  std::vector<double> x(30), exact(210);
  for (std::size_t i = 0; i < x.size(); ++i) plan.src()[i] = static_cast<float>(x[i] = row(i));
  plan.forward();
  g.evaluate(5, x, exact);
  std::set<double> seen;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    REQUIRE(static_cast<double>(plan.dst()[i]) == exact[i]);
    REQUIRE(coarse.quantize(exact[i]) == exact[i]);
    seen.insert(exact[i]);
  }
  REQUIRE(seen.contains(coarse.low()));
  REQUIRE(seen.contains(coarse.high()));
  REQUIRE(seen.size() > 20);
}

TEST_CASE("batch normalisation keeps its digits far from zero, and its moving statistics follow", "[nn]") {
  const auto layer =
      std::make_shared<nn::BatchNormalization>("bn", nn::BatchNormalization::Options{0.5f, 1e-3f});
  Graph g({2}, Layers{layer});
  g.params().initialize(Key(1));
  nn::Plan& plan = g.plan(64, true);
  for (int i = 0; i < 64; ++i) {
    plan.src()[2 * i] = 1e4f + static_cast<float>(i % 2);
    plan.src()[2 * i + 1] = static_cast<float>(i % 4);
  }
  plan.forward();
  for (int i = 0; i < 64; ++i) REQUIRE(plan.dst()[2 * i] == Approx(i % 2 ? 0.998 : -0.998).epsilon(1e-3));
  const auto mean = g.params().value(g.params().list()[2]), variance = g.params().value(g.params().list()[3]);
  REQUIRE(mean[0] == Approx(0.5 * 10000.5));
  REQUIRE(mean[1] == Approx(0.75));
  REQUIRE(variance[1] == Approx(0.5 * 1 + 0.5 * 1.25));
}

TEST_CASE("a training step gives the same bits at one thread and at two", "[nn][threads]") {
  const auto step = [](int threads) {
    set_threads(threads);
    Graph g({12, 12, 16},
            Layers{convolution("a", 32, {3, 3, 1, 1, nn::Padding::same}), normalization("bn"),
                   activation("relu", "relu"), convolution("b", 8, {3, 3}), flatten(), dense("out", 4)});
    g.params().initialize(Key(2));
    nn::Plan& plan = g.plan(16, true);
    REQUIRE(plan.shards() == 2);
    for (std::size_t i = 0; i < 16 * g.input().size(); ++i)
      plan.src()[i] = static_cast<float>(Key(3).normal(i));
    plan.forward();
    for (int i = 0; i < 64; ++i)
      plan.diff_dst()[i] = static_cast<float>(Key(4).normal(static_cast<std::uint64_t>(i)));
    plan.backward();
    std::vector<float> all(plan.dst(), plan.dst() + 64);
    for (const nn::Param& p : g.params().list()) {
      const auto gradient = g.params().gradient(p);
      all.insert(all.end(), gradient.begin(), gradient.end());
    }
    return all;
  };
  const int before = threads();
  const auto one = step(1), two = step(2);
  set_threads(before);
  REQUIRE(one == two);
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
    nn::Scratch scratch;
    const std::vector<nn::Binding> shards{{.batch = batch,
                                           .first = 0,
                                           .whole = batch,
                                           .srcs = {{{n}, src.data(), diff_src.data(), src.data()}},
                                           .dst_shape = {units},
                                           .dst = dst.data(),
                                           .diff_dst = diff_dst.data(),
                                           .params = {kernel.data(), bias.data()},
                                           .gradients = {diff_kernel.data(), diff_bias.data()},
                                           .scratch = &scratch}};
    const auto step = onednn ? nn::bind_dense_onednn(shards) : nn::bind_dense_simd(shards);
    Buffer<float> memory(scratch.size());
    scratch.place(memory.data());
    step->forward(0, 0);
    step->backward(0, 0);
    for (const Buffer<float>* r : {&dst, &diff_src, &diff_kernel, &diff_bias})
      results[onednn].emplace_back(r->data(), r->data() + r->size());
  }
  for (std::size_t r = 0; r < 4; ++r)
    for (std::size_t i = 0; i < results[0][r].size(); ++i)
      REQUIRE(results[0][r][i] == Approx(results[1][r][i]).margin(1e-4));
}

TEST_CASE("quantisers pass the gradient inside their range and stop it outside", "[nn]") {
  const FixedPoint type(4, 2, true, Rounding::RND, Overflow::SAT);  // -2 to 1.75 in steps of 0.25
  const Activation linear("q", function_from("linear"), type), relu("r", function_from("relu"), type);
  const std::vector<float> x{-3, -1.1f, -0.1f, 0.1f, 1.7f, 3}, ones(6, 1);
  std::vector<float> y(6), diff(6);
  const std::vector<nn::Binding> shards{{.batch = 1,
                                         .first = 0,
                                         .whole = 1,
                                         .srcs = {{{6}, x.data(), diff.data(), x.data()}},
                                         .dst_shape = {6},
                                         .dst = y.data(),
                                         .diff_dst = ones.data()}};
  const auto run = [&](const Activation& a) {
    const auto step = a.bind(shards);
    step->forward(0, 0);
    step->backward(0, 0);
  };
  run(linear);
  REQUIRE(y == std::vector<float>{-2, -1, 0, 0, 1.75f, 1.75f});
  REQUIRE(diff == std::vector<float>{0, 1, 1, 1, 1, 0});
  run(relu);
  REQUIRE(y == std::vector<float>{0, 0, 0, 0, 1.75f, 1.75f});
  REQUIRE(diff == std::vector<float>{0, 0, 0, 1, 1, 0});
}

TEST_CASE("shapes are checked when the graph is built, with the layer's name", "[nn]") {
  REQUIRE_THROWS_WITH(Graph({4}, Layers{convolution("c1", 4, {3, 3})}),
                      Catch::Contains("c1") && Catch::Contains("image"));
  REQUIRE_THROWS_WITH(Graph({2, 9, 1}, Layers{convolution("c1", 4, {3, 3})}),
                      Catch::Contains("c1") && Catch::Contains("padding='same'"));
  REQUIRE_THROWS_WITH(Graph({4}, std::vector<Node>{{dense("a", 3), {nn::kInput}},
                                                   {std::make_shared<nn::Add>("sum"), {0, nn::kInput}}}),
                      Catch::Contains("sum") && Catch::Contains("one shape"));
  REQUIRE_THROWS_WITH(Graph({2}, Layers{dense("a", 4), dense("a", 4)}), Catch::Contains("two layers"));
  REQUIRE_THROWS_WITH(
      Graph({7, 3}, Layers{std::make_shared<nn::ZeroPadding>("zeros", nn::ZeroPadding::Zeros{1, 1, 1, 1})}),
      Catch::Contains("zeros") && Catch::Contains("no rows"));
  REQUIRE_THROWS_WITH(dense("fc1", 0), Catch::Contains("units must be positive"));
}

TEST_CASE("layers that cannot be computed are refused when the graph is built", "[nn]") {
  REQUIRE_THROWS_WITH(Graph({70000, 1}, Layers{global("max", kMax), dense("out", 2)}),
                      Catch::Contains("[max]") && Catch::Contains("65,536"));
  REQUIRE_NOTHROW(Graph({70000, 1}, Layers{global("mean", kAverage), dense("out", 2)}));
  REQUIRE_THROWS_WITH(nn::FoldedBatchNormalization(nullptr, {}), Catch::Contains("must be given"));
  REQUIRE_THROWS_WITH(Graph({4}, Layers{std::make_shared<nn::FoldedBatchNormalization>(
                                     flatten(), nn::FoldedBatchNormalization::Options{})}),
                      Catch::Contains("a kernel"));
}

TEST_CASE("what a mask takes out is zero, whatever is drawn or set", "[nn]") {
  Graph g({2}, Layers{dense("out", 2)});
  g.params().set_mask(0, std::vector<float>{1, 0, 1, 0});
  g.params().initialize(Key(1));
  CHECK(g.params().effective(0)[0] != 0);
  CHECK(g.params().effective(0)[1] == 0);
  g.params().set_value(0, std::vector<float>{5, 6, 7, 8});
  g.params().refresh();
  CHECK(std::vector<float>(g.params().effective(0), g.params().effective(0) + 4) ==
        std::vector<float>{5, 0, 7, 0});
}
