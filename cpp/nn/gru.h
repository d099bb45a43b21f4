// Gated recurrent unit, with Keras's reset_after=True (Cho et al. 2014; the form of cuDNN):
//
//   z = sigmoid(x Wz + bz + h Uz + cz),  r = sigmoid(x Wr + br + h Ur + cr)
//   g = tanh(x Wg + bg + r * (h Ug + cg)),  h' = z * h + (1 - z) * g
//
// kernel (n, 3 units) and recurrent_kernel (units, 3 units) hold z, r, g side by side; bias (2, 3 units)
// holds b, c. src (steps, n) gives the last h (units), or all of them (steps, units).
#pragma once
#include <optional>

#include "nn/layer.h"
#include "quant/fixed_point.h"

namespace qkd::nn {

class Gru final : public Layer {
 public:
  struct Options {
    int units;
    bool return_sequences = false, use_bias = true;
    ParamSpec kernel{}, recurrent{}, bias{};  // names and shapes are filled in
    std::optional<FixedPoint> state{};        // each h is rounded to it, gradients straight through
  };
  Gru(std::string name, Options options);

  Shape infer(const Shapes& srcs) const override;
  std::vector<ParamSpec> params(const Shapes& srcs) const override;
  double products(const Shapes& srcs) const override;
  std::unique_ptr<Step> bind(std::span<const Binding> shards) const override;
  void evaluate(const Evaluation& e) const override;

 private:
  Options options_;
};

}  // namespace qkd::nn
