#pragma once
#include "fixed/layer.h"

namespace qkd::fixed {

// Element by element; `x` is the exact value of the source, and the result is cast to the result type:
//   linear        x
//   relu          max(x, 0)
//   relu6         min(max(x, 0), 6)
//   leaky_relu    x where x > 0, else slope * x
//   hard_sigmoid  min(max(slope * x + shift, 0), 1)
//   hard_tanh     2 * hard_sigmoid(x) - 1
enum class Function { linear, relu, relu6, leaky_relu, hard_sigmoid, hard_tanh };
Function function_from(const std::string& name);

struct Coefficient {
  std::int64_t code = 0;
  int fraction = 0;
};

class Activation final : public Layer {
 public:
  Activation(std::string name, Function function, Coefficient slope, Coefficient shift,
             FixedPoint result_type);
  Reach reach(std::span<const Tensor> src) const override;
  std::unique_ptr<Step> bind(std::span<const Tensor> src) const override;

 private:
  Function function_;
  Coefficient slope_, shift_;
};

}  // namespace qkd::fixed
