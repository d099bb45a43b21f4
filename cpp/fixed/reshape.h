// Layers that move codes and change none: their result has their source's type.
#pragma once
#include "fixed/layer.h"
#include "fixed/window.h"

namespace qkd::fixed {

// Flatten too: to one axis, row by row, channels last.
class Reshape final : public Layer {
 public:
  Reshape(std::string name, Shape shape, FixedPoint result_type);
  Reach reach(std::span<const Tensor> src) const override;
  std::unique_ptr<Step> bind(std::span<const Tensor> src) const override;

 private:
  Shape shape_;
};

class ZeroPadding final : public Layer {
 public:
  // Zeros before and after, (height, width) each; a sequence has height one.
  ZeroPadding(std::string name, std::array<int, 2> before, std::array<int, 2> after, FixedPoint result_type);
  Reach reach(std::span<const Tensor> src) const override;
  std::unique_ptr<Step> bind(std::span<const Tensor> src) const override;

 private:
  std::array<int, 2> before_, after_;
};

}  // namespace qkd::fixed
