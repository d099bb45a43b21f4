// The same numbers under another shape: Flatten and Reshape. Nothing is computed or moved.
#pragma once
#include "nn/layer.h"

namespace qkd::nn {

class Reshape final : public Layer {
 public:
  // One size may be -1: what is left. Flatten is Reshape to {-1}.
  Reshape(std::string name, std::vector<int> target) : Layer(std::move(name)), target_(std::move(target)) {}

  Shape infer(const Shapes& srcs) const override;
  Keeps keeps() const override { return {false, false}; }
  Place place() const override { return Place::alias; }
  std::unique_ptr<Step> bind(std::span<const Binding> shards) const override;
  void evaluate(const Evaluation& e) const override;

 private:
  std::vector<int> target_;
};

}  // namespace qkd::nn
