// dst = src * scale + offset, per feature (Keras's Rescaling); constants that belong to the network, never
// trained. It takes the detector's counts to numbers of order one, and is folded into the next layer when the
// network is frozen.
#pragma once
#include "nn/layer.h"

namespace qkd::nn {

class Rescaling final : public Layer {
 public:
  Rescaling(std::string name, std::vector<float> scale, std::vector<float> offset);

  Shape infer(const Shape& src) const override;
  std::unique_ptr<Step> bind(const Binding& binding) const override;
  void evaluate(int batch, const Shape& src_shape, std::span<const double> src,
                std::span<const std::vector<double>> params, std::span<double> dst) const override;

 private:
  std::vector<float> scale_, offset_;
};

}  // namespace qkd::nn
