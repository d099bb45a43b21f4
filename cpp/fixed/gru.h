#pragma once
#include "fixed/sums.h"
#include "fixed/table.h"

namespace qkd::fixed {

// hls4ml's gated recurrent unit with reset_after, its state and result of the result type (nnet_recurrent.h):
//
//   a = x kernel + b, c = h recurrent + d                                  exact, of type `accum`
//   z = sigmoid[a_z + c_z], r = sigmoid[a_r + c_r], g = tanh[a_g + cast(r * c_g)]   cast to `accum`
//   h = cast(g * (1 - z) + h * z)                                           cast to the result type
//
// src (steps, n); kernel (n, 3 units) and recurrent (units, 3 units) hold z, r, g side by side. The last h,
// (units), or all of them, (steps, units).
class Gru final : public Layer {
 public:
  struct Options {
    bool return_sequences;
    Weights kernel, recurrent;
    Table sigmoid, tanh;
    FixedPoint accum;
  };
  Gru(std::string name, Options options, FixedPoint result_type);
  Reach reach(std::span<const Tensor> src) const override;
  std::unique_ptr<Step> bind(std::span<const Tensor> src) const override;

 private:
  Options o_;
  int units_;

  Interval states() const;
  Reach input(const Tensor& src) const;  // of the sums with the kernel
  Reach inner() const;                   // and with the recurrent kernel
};

}  // namespace qkd::fixed
