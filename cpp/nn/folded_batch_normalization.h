// A layer with weights and the batch normalisation after it as one layer, whose kernel is quantised after the
// two are folded (QKeras's QConv2DBatchnorm; Jacob et al. 2018, section 3.2; Krishnamoorthi 2018,
// section 3.2.2):
//
//   dst = src * Q(kernel gamma / sqrt(variance + epsilon)) + Q_b((bias - mean) gamma / sqrt(variance +
//   epsilon) + beta)
//
// Mean and variance are the moving ones, out of training and once they are frozen. Before, in training, they
// are the batch's, those of src * kernel + bias. Then
//   batch_stats  folds with the batch's alone;
//   ema_stats    folds the kernel with the moving variance, so that its codes do not jitter from batch to
//   batch,
//                and multiplies the products by sqrt(moving variance + epsilon) / sqrt(variance + epsilon).
// The gradient passes the quantisers straight through, and reaches the kernel through the statistics too.
#pragma once
#include "nn/layer.h"

namespace qkd::nn {

class FoldedBatchNormalization final : public Layer {
 public:
  enum class Folding { ema_stats, batch_stats };
  struct Options {
    float momentum = 0.99f, epsilon = 1e-3f;
    bool center = true, scale = true;  // whether there is a beta, a gamma
    Folding folding = Folding::ema_stats;
    int freeze_delay = -1;  // the statistics are frozen after this many steps and one; -1: never
    ParamSpec bias{};       // the folded bias's quantiser; there is one without a bias too
  };
  // `inner` has a kernel, whose last axis (or last two, of a depthwise one) counts channels, and may have a
  // bias. What quantises its kernel quantises the folded one.
  FoldedBatchNormalization(std::shared_ptr<const Layer> inner, Options options);

  Shape infer(const Shapes& srcs) const override { return inner_->infer(srcs); }
  // The inner layer's, then gamma, beta, the moving statistics, and the number of steps that were trained.
  std::vector<ParamSpec> params(const Shapes& srcs) const override;
  double products(const Shapes& srcs) const override { return 2 * inner_->products(srcs); }
  bool fuses_clip() const override { return true; }
  std::unique_ptr<Step> bind(std::span<const Binding> shards) const override;
  void evaluate(const Evaluation& e) const override;

 private:
  std::shared_ptr<const Layer> inner_;
  Options options_;
};

FoldedBatchNormalization::Folding folding_from(const std::string& name);

}  // namespace qkd::nn
