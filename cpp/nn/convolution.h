// Convolutions over images and series, channels last.
//
//   Convolution  dst(y, x, o) = bias(o) + sum_{ky, kx, i} src(y s + ky - top, x s + kx - left, i) kernel(ky,
//   kx, i, o) depthwise    the same with one channel at a time: kernel(ky, kx, i, m) gives output channel i *
//   multiplier + m
#pragma once
#include "nn/layer.h"
#include "nn/window.h"

namespace qkd::nn {

class Convolution final : public Layer {
 public:
  struct Options {
    int filters;  // or, for a depthwise one, the multiplier
    Window window{};
    bool use_bias = true;
    bool depthwise = false;
    ParamSpec kernel{}, bias{};  // initialisers, quantisers and regularisers; names and shapes are filled in
  };
  Convolution(std::string name, Options options);

  Shape infer(const Shapes& srcs) const override;
  std::vector<ParamSpec> params(const Shapes& srcs) const override;
  double products(const Shapes& srcs) const override;
  bool fuses_clip() const override { return true; }
  ToldBy takes_clip_backward(const Shapes& srcs) const override;
  bool adds_up(const Shapes& srcs) const override;
  bool recomputes(const Shapes& srcs) const override;
  std::unique_ptr<Step> bind(std::span<const Binding> shards) const override;
  void evaluate(const Evaluation& e) const override;

 private:
  // oneDNN's kernels work on sixteen channels at a time; with fewer, ours waste less.
  static constexpr int kVector = 16;
  bool is_wide(const Geometry& g) const {
    return g.c >= kVector && options_.filters >= kVector && !g.is_pointwise() && !options_.depthwise;
  }
  int channels(const Geometry& g) const {
    return options_.depthwise ? g.c * options_.filters : options_.filters;
  }

  Options options_;
};

// The ways to compute it; bind chooses.
std::unique_ptr<Step> bind_convolution_simd(std::span<const Binding> shards, const Geometry& g);
std::unique_ptr<Step> bind_depthwise_simd(std::span<const Binding> shards, const Geometry& g, int multiplier);
std::unique_ptr<Step> bind_convolution_onednn(std::span<const Binding> shards, const Geometry& g, int groups);

}  // namespace qkd::nn
