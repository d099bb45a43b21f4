// Plans: what shares memory, is computed again or left to another step gives the same numbers.
#include "nn/exam.h"

namespace {

Node node(std::shared_ptr<const nn::Layer> layer, std::vector<int> sources) {
  return {std::move(layer), std::move(sources)};
}

}  // namespace

TEST_CASE("a plan's buffers that live at one time never overlap, nor those of two shards", "[nn]") {
  const int shards = GENERATE(1, 3);
  Arena arena(shards);
  struct Tensor {
    Arena::Handle handle;
    std::size_t size;
    Arena::Lives lives;
    bool once;
  };
  std::vector<Tensor> tensors;
  const Key key(8);
  std::size_t total = 0;
  for (std::uint64_t i = 0; i < 60; ++i) {
    const auto size = static_cast<std::size_t>(1 + key.fold(1).below(i, 200));
    const auto life = [&](std::uint64_t of) {
      const int first = static_cast<int>(key.fold(of).below(i, 40));
      return Arena::Life{first, first + static_cast<int>(key.fold(of + 1).below(i, 8))};
    };
    const Arena::Lives lives{life(2), i % 3 == 0 ? life(4) : life(2)};
    const bool once = i % 5 == 0;
    tensors.push_back(
        {once ? arena.reserve_once(size, lives) : arena.reserve(size, lives), size, lives, once});
    total += once ? size : static_cast<std::size_t>(shards) * size;
  }
  arena.allocate();
  REQUIRE(arena.size() < 2 * total / 3);  // sharing is what it is for
  const auto meet = [](const Tensor& a, const Tensor& b) {
    for (const Arena::Life& x : a.lives)
      for (const Arena::Life& y : b.lives)
        if (x.first <= y.last && y.first <= x.last) return true;
    return false;
  };
  for (const Tensor& a : tensors)
    for (const Tensor& b : tensors)
      for (int s = 0; s < shards; ++s)
        for (int t = 0; t < shards; ++t) {
          const bool apart = s != t && !a.once && !b.once;
          if (a.handle == b.handle && !apart) continue;
          const float *at = arena.at(a.handle, s), *other = arena.at(b.handle, t);
          if (apart || meet(a, b)) REQUIRE((at + a.size <= other || other + b.size <= at));
        }
}

// Networks like VGG16, large enough for what small ones do without: kernels' gradients added up by the steps,
// a first convolution computed again, gradients written over sources, workspaces among the tensors.
Layers deep(const std::vector<int>& first, const std::shared_ptr<const nn::Layer>& flat) {
  const nn::Window same{3, 3, 1, 1, nn::Padding::same};
  Layers layers;
  const auto add = [&](int count) {
    const std::string n = std::to_string(layers.size());
    layers.push_back(convolution(("conv" + n).c_str(), count, same));
    layers.push_back(activation(("relu" + n).c_str(), n == "0" ? "relu6" : "relu"));
  };
  const int filters = 4 * first.back();
  for (const int few : first) add(few);
  add(filters);
  layers.push_back(pooling("pool", kMax, {2, 2, 2, 2}));
  for (int i = 0; i < 6; ++i) add(filters);
  layers.push_back(flat);
  layers.push_back(dense("fc", 80));
  layers.push_back(dense("out", 3));
  return layers;
}

TEST_CASE("the gradients of a batch are the sums of its samples'", "[nn]") {
  // Kernels that oneDNN keeps as they are and such that it fills up with zeros; two shards, unequal ones,
  // four.
  const auto [filters, batch] = GENERATE(table<int, int>({{16, 8}, {20, 5}, {16, 70}}));
  // Of two cheap ones in a row the first is computed again, not what is made of it.
  Graph g({16, 16, 3}, deep({filters / 4, filters / 2, filters}, flatten()));
  g.params().initialize(Key(3));
  g.params().refresh();
  const std::size_t in = g.input().size(), out = g.output().size();
  const Key key(4);
  std::vector<float> x(in * static_cast<std::size_t>(batch)), weight(out * static_cast<std::size_t>(batch));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(key.fold(1).normal(i));
  for (std::size_t i = 0; i < weight.size(); ++i) weight[i] = static_cast<float>(key.fold(2).normal(i));
  const auto gradients = [&](int samples, std::size_t first) {
    nn::Plan& plan = g.plan(samples, true);
    std::copy_n(x.begin() + static_cast<std::ptrdiff_t>(first * in), static_cast<std::size_t>(samples) * in,
                plan.src());
    plan.forward();
    std::copy_n(weight.begin() + static_cast<std::ptrdiff_t>(first * out),
                static_cast<std::size_t>(samples) * out, plan.diff_dst());
    plan.backward();
    std::vector<std::vector<double>> found;
    for (const nn::Param& p : g.params().list()) {
      const auto gradient = g.params().gradient(p);
      found.emplace_back(gradient.begin(), gradient.end());
    }
    return found;
  };
  REQUIRE(g.plan(1, true).shards() <= 2);
  REQUIRE(g.plan(batch, true).shards() == (batch > 64 ? 4 : 2));
  const auto whole = gradients(batch, 0);
  std::vector<std::vector<double>> sum;
  for (int s = 0; s < batch; ++s) {
    const auto one = gradients(1, static_cast<std::size_t>(s));
    if (sum.empty()) sum.assign(one.size(), {});
    for (std::size_t p = 0; p < one.size(); ++p) {
      sum[p].resize(one[p].size());
      for (std::size_t i = 0; i < one[p].size(); ++i) sum[p][i] += one[p][i];
    }
  }
  for (std::size_t p = 0; p < sum.size(); ++p) {
    INFO(g.params().list()[p].spec.name << ", " << filters << " filters, a batch of " << batch);
    double largest = 0, apart = 0;
    for (std::size_t i = 0; i < sum[p].size(); ++i) {
      largest = std::max(largest, std::abs(sum[p][i]));
      apart = std::max(apart, std::abs(whole[p][i] - sum[p][i]));
    }
    REQUIRE(largest > 0);
    REQUIRE(apart < 1e-4 * largest);
  }
}

TEST_CASE("a deep network's plan does not keep what its first convolution made", "[nn]") {
  const int batch = 8;
  Graph g({64, 64, 3}, deep({16}, global("mean", kAverage)));
  const std::size_t made = sizeof(float) * batch * 64 * 64 * 16;  // as many numbers as each later one makes
  // Seven such are read by the backward pass, two more are its gradients.
  REQUIRE(g.plan(batch, true).arena_bytes() < 10 * made);
}

TEST_CASE("a plan counts what its steps hold beside its own memory", "[nn]") {
  const auto bytes = [](const Shape& input, const Layers& layers) {
    Graph g(input, layers);
    return g.plan(4, true).arena_bytes();
  };
  // 4 samples of 16 x 16 x 8 numbers: the results of a folded normalisation, and where each of 4 x 4 pools
  // found its maximum.
  const std::size_t numbers = 4 * 16 * 16 * 8;
  REQUIRE(bytes({16, 16, 8}, {pooling("max", kMax, {4, 4, 4, 4})}) >=
          bytes({16, 16, 8}, {pooling("mean", kAverage, {4, 4, 4, 4})}) + numbers / 16);
  const auto conv = convolution("conv", 8, {3, 3, 1, 1, nn::Padding::same});
  const auto folded =
      std::make_shared<nn::FoldedBatchNormalization>(conv, nn::FoldedBatchNormalization::Options{});
  REQUIRE(bytes({16, 16, 8}, {folded}) >= bytes({16, 16, 8}, {conv}) + 4 * numbers);
  const auto gru = std::make_shared<nn::Gru>("gru", nn::Gru::Options{6, true});
  REQUIRE(bytes({50, 2}, {gru}) >= 4 * 4 * (4 * 50 * 6));  // states and three gates of every step
}

TEST_CASE("gradients of clips that other steps take care of, and of what is computed again, are right",
          "[nn]") {
  const nn::Window same{3, 3, 1, 1, nn::Padding::same}, half{2, 2, 2, 2};
  // Clips before a pool of touching windows and before one of windows that overlap, clips after a
  // normalisation that one step reads or two, a normalisation without a clip.
  Graph g({8, 8, 3}, std::vector<Node>{
                         node(convolution("a", 6, same), {-1}), node(activation("ra", "relu"), {0}),
                         node(pooling("pa", kMax, {3, 3, 1, 1}), {1}), node(convolution("b", 16, same), {2}),
                         node(normalization("nb"), {3}), node(activation("rb", "relu6"), {4}),
                         node(convolution("c", 16, same), {5}), node(normalization("nc"), {6}),
                         node(std::make_shared<nn::Add>("add"), {7, 5}), node(activation("rd", "relu"), {8}),
                         node(pooling("pd", kMax, half), {9}), node(convolution("d", 1, same, true), {10}),
                         node(normalization("nd"), {11}), node(activation("re", "relu"), {12}),
                         node(flatten(), {13}), node(dense("out", 3), {14})});
  for (const int batch : {2, 5}) examine(g, batch);
}

TEST_CASE("the gradient of a clip that several steps read is right where it is added up", "[nn]") {
  const nn::Window same{3, 3, 1, 1, nn::Padding::same};
  const auto sum = [](const char* name) { return std::make_shared<nn::Add>(name); };
  // Read by a convolution and a sum, by one sum twice, and by three of which the first writes over it; one
  // clips a source that another reads too.
  Graph g({6, 6, 3},
          std::vector<Node>{node(convolution("a", 5, same), {-1}), node(convolution("b", 5, same), {0}),
                            node(sum("s"), {0, 1}), node(activation("rs", "relu"), {2}),
                            node(convolution("c", 5, same), {3}), node(sum("t"), {4, 3}),
                            node(activation("rt", "relu6"), {5}), node(sum("u"), {6, 6}),
                            node(activation("ru", "relu"), {7}), node(activation("rv", "tanh"), {8}),
                            node(sum("v"), {8, 9, 5}), node(sum("w"), {8, 10}), node(flatten(), {11}),
                            node(dense("out", 3), {12})});
  for (const int batch : {2, 5}) examine(g, batch);
}

TEST_CASE("a bias before a normalisation learns exactly nothing", "[nn]") {
  const nn::Window same{3, 3, 1, 1, nn::Padding::same};
  for (const int filters : {6, 16}) {  // by our kernels, by oneDNN's
    Graph g({12, 12, 16},
            std::vector<Node>{
                node(convolution("conv", filters, same), {-1}), node(normalization("bn"), {0}),
                node(convolution("depthwise", 1, same, true), {1}), node(normalization("bn2"), {2}),
                node(convolution("pointwise", filters, {1, 1}), {3}), node(normalization("bn3"), {4}),
                node(convolution("twice", filters, same), {5}), node(normalization("bn4"), {6}),
                node(std::make_shared<nn::Add>("add"), {6, 7}), node(flatten(), {8}),
                node(dense("fc", 40), {9}), node(normalization("bn5"), {10}), node(dense("out", 3), {11})});
    const int batch = 11;
    REQUIRE(g.plan(batch, true).shards() == 2);
    examine(g, batch);
    for (const nn::Param& p : g.params().list()) std::ranges::fill(g.params().gradient(p), 1.0f);
    g.plan(batch, true).backward();
    for (const nn::Param& p : g.params().list()) {
      if (!p.spec.name.ends_with("/bias")) continue;
      const bool learns =
          p.spec.name == "twice/bias" || p.spec.name == "out/bias";  // others than a normalisation read it
      INFO(p.spec.name);
      CHECK(std::ranges::all_of(g.params().gradient(p), [](float x) { return x == 0; }) != learns);
    }
  }
}

TEST_CASE("shards of unequal sizes have one layout of memory", "[nn]") {
  Layers layers;
  for (const int filters : {8, 12, 6}) {
    const std::string n = std::to_string(layers.size());
    layers.push_back(convolution(("conv" + n).c_str(), filters, {3, 3, 1, 1, nn::Padding::same}));
    layers.push_back(normalization(("bn" + n).c_str()));
  }
  layers.push_back(global("mean", kAverage));
  layers.push_back(dense("out", 3));
  Graph g({7, 7, 1}, layers);
  const int batch = 27;  // of the sizes 13 and 14, one alone had room to keep what the other computed again
  REQUIRE(g.plan(batch, true).shards() == 2);
  examine(g, batch);
}

TEST_CASE("a training plan gives normalised activations up after the forward pass", "[nn]") {
  const auto bytes = [](int blocks) {
    Layers layers;
    for (int i = 0; i < blocks; ++i) {
      const std::string n = std::to_string(i);
      layers.push_back(convolution(("conv" + n).c_str(), 16, {3, 3, 1, 1, nn::Padding::same}));
      layers.push_back(normalization(("bn" + n).c_str()));
      layers.push_back(activation(("relu" + n).c_str(), "relu"));
    }
    layers.push_back(global("mean", kAverage));
    Graph g({32, 32, 16}, layers);
    return g.plan(4, true).arena_bytes();
  };
  // Each block more keeps the convolution's numbers and no others.
  const std::size_t kept = 4 * 32 * 32 * 16 * sizeof(float);
  const std::size_t more = bytes(8) - bytes(6);
  REQUIRE(more >= 2 * kept);
  REQUIRE(more < 3 * kept);
}
