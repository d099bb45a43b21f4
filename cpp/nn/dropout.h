// In training, a share `rate` of the numbers becomes zero and the others grow by 1 / (1 - rate); otherwise
// nothing happens (Srivastava et al. 2014, in Keras's form). Which numbers is a function of the pass's key
// alone.
#pragma once
#include "nn/layer.h"

namespace qkd::nn {

class Dropout final : public Layer {
 public:
  Dropout(std::string name, double rate);

  Shape infer(const Shapes& srcs) const override { return only(srcs); }
  Keeps keeps() const override { return {false, false}; }
  Place place() const override { return Place::over; }
  std::unique_ptr<Step> bind(std::span<const Binding> shards) const override;
  void evaluate(const Evaluation& e) const override;

 private:
  double rate_;
};

}  // namespace qkd::nn
