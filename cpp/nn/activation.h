// Element by element: relu or nothing, then a fake quantiser or none. With relu the quantised range starts at
// zero.
#pragma once
#include <optional>

#include "nn/layer.h"

namespace qkd::nn {

class Activation final : public Layer {
 public:
  enum class Function { linear, relu };
  Activation(std::string name, Function function, std::optional<FixedPoint> type);

  Shape infer(const Shape& src) const override { return src; }
  std::unique_ptr<Step> bind(const Binding& binding) const override;
  void evaluate(int batch, const Shape& src_shape, std::span<const double> src,
                std::span<const std::vector<double>> params, std::span<double> dst) const override;

 private:
  Function function_;
  std::optional<FixedPoint> type_;
  std::optional<simd::FakeQuantizer> quantizer_;
  float low_, high_;  // the gradient passes for low < src <= high
};

}  // namespace qkd::nn
