#pragma once
#include "fixed/sums.h"
#include "fixed/window.h"

namespace qkd::fixed {

// dst (y, x, n_out) = the window of src at (y, x), laid flat (size, size, channels), times weights, plus
// bias.
class Conv final : public Layer {
 public:
  Conv(std::string name, Window window, int channels, Weights weights, FixedPoint result_type);
  Reach reach(std::span<const Tensor> src) const override;
  std::unique_ptr<Step> bind(std::span<const Tensor> src) const override;

 private:
  Window window_;
  int channels_;
  Weights weights_;
};

// The same, each channel on its own: weights (size, size, channels), as many results as channels.
class DepthwiseConv final : public Layer {
 public:
  DepthwiseConv(std::string name, Window window, Weights weights, FixedPoint result_type);
  Reach reach(std::span<const Tensor> src) const override;
  std::unique_ptr<Step> bind(std::span<const Tensor> src) const override;

 private:
  Window window_;
  Weights weights_;
};

}  // namespace qkd::fixed
