// Convolutions and pools in every way that the engine computes them.
#include "nn/exam.h"

TEST_CASE("convolutions and pools of few channels pass their exam", "[nn]") {
  Graph image({9, 7, 3},
              Layers{convolution("a", 5, {3, 3, 2, 1, nn::Padding::same}), activation("relu", "relu"),
                     convolution("b", 2, {2, 3, 1, 1, nn::Padding::valid}, true), convolution("c", 4, {1, 1}),
                     pooling("max", kMax, {2, 2, 2, 2, nn::Padding::same}),
                     convolution("d", 6, {2, 2}, false, false), flatten(), dense("out", 3)});
  Graph series({12, 2},
               Layers{std::make_shared<nn::ZeroPadding>("zeros", nn::ZeroPadding::Zeros{0, 0, 1, 2}),
                      convolution("a", 5, {1, 4, 1, 2, nn::Padding::same}), activation("relu6", "relu6"),
                      pooling("mean", kAverage, {1, 3, 1, 2, nn::Padding::same}),
                      std::make_shared<nn::ZeroPadding>("more", nn::ZeroPadding::Zeros{0, 0, 1, 0}),
                      global("all", kAverage), dense("out", 3)});
  for (const int batch : {1, 3}) {
    examine(image, batch);
    examine(series, batch);
  }
}

TEST_CASE("convolutions and pools pass their exam at every width of a vector", "[nn]") {
  using enum nn::Padding;
  const auto net = [](int channels, Layers layers) {
    layers.insert(layers.end(), {global("all", kAverage), dense("out", 2)});
    return Graph({6, 7, channels}, layers);
  };
  for (const int channels : {1, 2, 9, 15, 24}) {
    Graph wide = net(
        channels, {convolution("a", 12, {3, 3, 1, 1, same}), convolution("b", channels, {3, 2, 2, 2, same}),
                   convolution("c", 40, {2, 3, 1, 2, valid}, false, false)});
    Graph deep =
        net(channels,
            {convolution("a", 1, {3, 3, 1, 1, same}, true), pooling("max", kMax, {2, 3, 1, 2, same}),
             convolution("b", 2, {3, 2, 2, 2, same}, true), pooling("mean", kAverage, {1, 2, 1, 2, valid})});
    Graph exact =
        net(channels, {pooling("max", kMax, {2, 7, 2, 7, valid}),
                       pooling("mean", kAverage, {3, 1, 3, 1, valid}), convolution("a", 8, {1, 1})});
    Graph many({20, 21, channels},  // taps: winners of two bytes
               {convolution("a", channels, {1, 1}), pooling("max", kMax, {20, 20, 1, 1, valid}),
                global("all", kAverage), dense("out", 2)});
    for (Graph* g : {&wide, &deep, &exact, &many}) examine(*g, 2);
  }
}

TEST_CASE(
    "convolutions by oneDNN, batch normalisation and skips pass their exam, in one shard and in several",
    "[nn]") {
  Graph g({8, 8, 16}, std::vector<Node>{
                          {convolution("a", 16, {3, 3, 1, 1, nn::Padding::same}, false, false), {nn::kInput}},
                          {normalization("a_bn"), {0}},
                          {activation("a_relu", "relu"), {1}},
                          {convolution("b", 16, {3, 3, 1, 1, nn::Padding::same}), {2}},
                          {normalization("b_bn"), {3}},
                          {std::make_shared<nn::Add>("add"), {2, 4}},
                          {activation("add_relu", "relu"), {5}},
                          {convolution("depth", 1, {3, 3, 2, 2, nn::Padding::same}, true), {6}},
                          {convolution("wide", 32, {1, 1}), {7}},
                          {activation("wide_relu6", "relu6"), {8}},
                          {pooling("pool", kMax, {2, 2, 2, 2, nn::Padding::same}), {6}},
                          {std::make_shared<nn::Concatenate>("both"), {10, 9}},
                          {global("mean", kAverage), {11}},
                          {std::make_shared<nn::Dropout>("drop", 0.25), {12}},
                          {dense("out", 3), {13}}});
  for (const int batch : {2, 7}) examine(g, batch);
  REQUIRE(g.plan(2, true).shards() == 1);
  REQUIRE(g.plan(7, true).shards() == 2);
}

TEST_CASE("a pointwise convolution by oneDNN's matmul passes its exam", "[nn]") {
  Graph g({16, 16, 32},
          Layers{convolution("a", 64, {1, 1}), activation("relu6", "relu6"),
                 convolution("b", 32, {1, 1}, false, false), global("mean", kAverage), dense("out", 2)});
  examine(g, 8);
}

TEST_CASE("shards of unlike size whose primitives would like unlike layouts pass their exam", "[nn]") {
  // With AVX-512 oneDNN wants these kernels in one layout for one sample and in another for two.
  const nn::Padding same = nn::Padding::same;
  Graph wide({7, 7, 32},
             Layers{convolution("wide", 64, {5, 5, 1, 1, same}), global("mean", kAverage), dense("out", 2)});
  examine(wide, 3);
  REQUIRE(wide.plan(3, true).shards() == 2);
  Graph deep({7, 7, 16}, Layers{convolution("point", 64, {1, 1}), convolution("deep", 96, {3, 3, 1, 1, same}),
                                global("mean", kAverage), dense("out", 2)});
  examine(deep, 5);
}

TEST_CASE("strides beyond the kernel, single pixels and multipliers pass their exam", "[nn]") {
  const nn::Padding same = nn::Padding::same;
  Graph strides({9, 8, 3}, Layers{convolution("a", 5, {2, 2, 3, 3, same}), convolution("b", 4, {1, 1, 2, 2}),
                                  flatten(), dense("out", 2)});
  Graph pixel({1, 1, 3}, Layers{convolution("a", 5, {3, 3, 1, 1, same}),
                                convolution("b", 4, {5, 5, 1, 1, same}), flatten(), dense("out", 2)});
  Graph multiplied({9, 10, 3}, Layers{convolution("a", 2, {2, 2, 3, 3}, true),
                                      convolution("b", 3, {1, 1, 2, 2}, true), flatten(), dense("out", 2)});
  for (Graph* g : {&strides, &pixel, &multiplied})
    for (const int batch : {1, 5}) examine(*g, batch);
}

TEST_CASE("a wide convolution does the gradient of the clip before it", "[nn]") {
  const nn::Window same{3, 3, 1, 1, nn::Padding::same};
  const auto clip = GENERATE("relu", "relu6");
  Graph g({4, 3, 2}, Layers{convolution("narrow", 16, same), activation("clip", clip),
                            convolution("wide", 16, same), global("mean", kAverage), dense("out", 2)});
  examine(g, 3, [](std::size_t i) { return 8 * Key(6).normal(i); });  // far enough for both ends
}
