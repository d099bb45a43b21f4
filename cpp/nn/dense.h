// Fully connected: dst (batch, ..., units) = src (batch, ..., n) * kernel (n, units) + bias (units).
#pragma once
#include "nn/layer.h"

namespace qkd::nn {

class Dense final : public Layer {
 public:
  struct Options {
    int units;
    bool use_bias = true;
    ParamSpec kernel{}, bias{};  // initialisers, quantisers and regularisers; names and shapes are filled in
  };
  Dense(std::string name, Options options);

  Shape infer(const Shapes& srcs) const override;
  std::vector<ParamSpec> params(const Shapes& srcs) const override;
  double products(const Shapes& srcs) const override;
  bool fuses_clip() const override { return true; }
  std::unique_ptr<Step> bind(std::span<const Binding> shards) const override;
  void evaluate(const Evaluation& e) const override;

 private:
  Options options_;
};

// From this many multiplications a shard on, oneDNN's matmul takes over: it blocks for the caches, which long
// products, such as a pointwise convolution's over all pixels, need. Below, its 1 us a call costs more.
inline constexpr double kOneDnnFrom = 1e6;

// A product with the last axis: all others count as samples. bias may be absent: params then holds the kernel
// alone. Chooses one of the two ways below, whose sources are (batch, n).
std::unique_ptr<Step> bind_dense(std::span<const Binding> shards);
std::unique_ptr<Step> bind_dense_simd(std::span<const Binding> shards);
std::unique_ptr<Step> bind_dense_onednn(std::span<const Binding> shards);

}  // namespace qkd::nn
