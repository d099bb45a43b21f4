// Zeros around an image or a series (Keras's ZeroPadding1D and 2D).
#pragma once
#include "nn/layer.h"

namespace qkd::nn {

class ZeroPadding final : public Layer {
 public:
  struct Zeros {
    int top = 0, bottom = 0, left = 0, right = 0;
  };
  ZeroPadding(std::string name, const Zeros& zeros);

  Shape infer(const Shapes& srcs) const override;
  Keeps keeps() const override { return {false, false}; }
  std::unique_ptr<Step> bind(std::span<const Binding> shards) const override;
  void evaluate(const Evaluation& e) const override;

 private:
  Zeros zeros_;
};

}  // namespace qkd::nn
