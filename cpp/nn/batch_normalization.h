// dst = gamma (src - mean) / sqrt(variance + epsilon) + beta, per channel (the last axis).
//
// In training mean and variance are the batch's, and the moving ones follow them with `momentum`; otherwise
// they are the moving ones (Ioffe & Szegedy 2015, in Keras's words; the variance is the biased one, in both
// places).
#pragma once
#include "nn/layer.h"

namespace qkd::nn {

class BatchNormalization final : public Layer {
 public:
  struct Options {
    float momentum = 0.99f, epsilon = 1e-3f;
    bool center = true, scale = true;  // whether there is a beta, a gamma
  };
  BatchNormalization(std::string name, const Options& options);

  Shape infer(const Shapes& srcs) const override { return only(srcs); }
  std::vector<ParamSpec> params(const Shapes& srcs) const override;
  bool fuses_clip() const override { return true; }
  bool fuses_clip_backward() const override { return true; }
  bool centres() const override { return true; }
  bool recomputes(const Shapes&) const override { return true; }
  std::unique_ptr<Step> bind(std::span<const Binding> shards) const override;
  void evaluate(const Evaluation& e) const override;

 private:
  Options options_;
};

}  // namespace qkd::nn
