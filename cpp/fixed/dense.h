#pragma once
#include "fixed/sums.h"

namespace qkd::fixed {

// dst (n_out,) = src (n_in,) * weights + bias. The result type is accumulator and result at once.
class Dense final : public Layer {
 public:
  Dense(std::string name, int n_in, Weights weights, FixedPoint result_type);
  Reach reach(std::span<const Tensor> src) const override;
  std::unique_ptr<Step> bind(std::span<const Tensor> src) const override;

 private:
  int n_in_;
  Weights weights_;
};

}  // namespace qkd::fixed
