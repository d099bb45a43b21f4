#pragma once
#include "fixed/layer.h"
#include "fixed/window.h"

namespace qkd::fixed {

// The largest code under the window; pixels around the image do not count. The result has the source's type.
class MaxPooling final : public Layer {
 public:
  MaxPooling(std::string name, Window window, bool global, FixedPoint result_type);
  Reach reach(std::span<const Tensor> src) const override;
  std::unique_ptr<Step> bind(std::span<const Tensor> src) const override;

 private:
  Window window_;
  bool global_;  // the result drops the window's one position: (channels,)
};

// The sum under the window in the accumulator's type, divided by the number of pixels that lie in the image
// as ap_fixed divides: towards zero on the accumulator's grid. Then a cast to the result type.
class AveragePooling final : public Layer {
 public:
  AveragePooling(std::string name, Window window, bool global, FixedPoint accum_type, FixedPoint result_type);
  Reach reach(std::span<const Tensor> src) const override;
  std::unique_ptr<Step> bind(std::span<const Tensor> src) const override;

 private:
  Window window_;
  bool global_;
  FixedPoint accum_type_;
};

}  // namespace qkd::fixed
