// Element by element: a function, then a fake quantiser or none.
#pragma once
#include <limits>
#include <optional>

#include "nn/layer.h"

namespace qkd::nn {

struct Function {
  enum class Kind { line, leaky_relu, tanh, sigmoid, binary, ternary };
  Kind kind = Kind::line;
  // The result is kept between low and high. line: slope * x + offset; leaky_relu: slope is the one below
  // zero; binary: slope * sign(x), with sign(0) = 1; ternary: that where |x| reaches the offset, else 0. The
  // last two let the gradient through as if they were x.
  float slope = 1, offset = 0;
  float low = -std::numeric_limits<float>::infinity(), high = std::numeric_limits<float>::infinity();

  double operator()(double x) const;
};

// Keras's and QKeras's names: linear, relu, relu6, tanh, sigmoid, hard_sigmoid (clip(0.2 x + 0.5, 0, 1)),
// hard_tanh (clip(x, -1, 1)), smooth_sigmoid (clip(0.1875 x + 0.5, 0, 1)), half_sigmoid (clip(0.5 x + 0.5, 0,
// 1)).
Function function_from(const std::string& name);

class Activation final : public Layer {
 public:
  Activation(std::string name, Function function, std::optional<FixedPoint> type);

  Shape infer(const Shapes& srcs) const override { return only(srcs); }
  Keeps keeps() const override { return clip() ? Keeps{false, true} : Keeps{true, false}; }
  Place place() const override { return Place::over; }
  std::optional<Clip> clip() const override;
  std::unique_ptr<Step> bind(std::span<const Binding> shards) const override;
  void evaluate(const Evaluation& e) const override;

 private:
  Function function_;
  std::optional<FixedPoint> type_;
  std::optional<simd::FakeQuantizer> quantizer_;
  Clip passes_;  // the gradient passes for low < function(src) <= high
};

}  // namespace qkd::nn
