#pragma once
#include "fixed/sums.h"

namespace qkd::fixed {

// dst = src * scale + offset, one of each a channel: a BatchNormalization that no layer before it took in.
class Scale final : public Layer {
 public:
  Scale(std::string name, Weights weights,
        FixedPoint result_type);  // scale and offset (channels,) as weights
  Reach reach(std::span<const Tensor> src) const override;
  std::unique_ptr<Step> bind(std::span<const Tensor> src) const override;

 private:
  Weights weights_;
};

}  // namespace qkd::fixed
