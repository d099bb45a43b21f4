// Layers that bring two tensors together, on the finer grid of the two.
#pragma once
#include "fixed/layer.h"

namespace qkd::fixed {

// Element by element; both of one shape.
class Add final : public Layer {
 public:
  using Layer::Layer;
  std::size_t sources() const override { return 2; }
  Reach reach(std::span<const Tensor> src) const override;
  std::unique_ptr<Step> bind(std::span<const Tensor> src) const override;
};

// Along the last axis; the other axes alike.
class Concatenate final : public Layer {
 public:
  using Layer::Layer;
  std::size_t sources() const override { return 2; }
  Reach reach(std::span<const Tensor> src) const override;
  std::unique_ptr<Step> bind(std::span<const Tensor> src) const override;
};

}  // namespace qkd::fixed
