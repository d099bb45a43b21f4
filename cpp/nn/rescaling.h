// dst = src * scale + offset, per element or per channel (Keras's Rescaling); constants that belong to the
// network, never trained. It takes the detector's counts to numbers of order one, and is folded into the next
// layer when the network is frozen.
#pragma once
#include "nn/layer.h"

namespace qkd::nn {

class Rescaling final : public Layer {
 public:
  // As many numbers as the source has elements, or as it has channels (its last axis).
  Rescaling(std::string name, std::vector<float> scale, std::vector<float> offset);

  Shape infer(const Shapes& srcs) const override;
  Keeps keeps() const override { return {false, false}; }
  std::unique_ptr<Step> bind(std::span<const Binding> shards) const override;
  void evaluate(const Evaluation& e) const override;

 private:
  std::vector<float> scale_, offset_;
};

}  // namespace qkd::nn
