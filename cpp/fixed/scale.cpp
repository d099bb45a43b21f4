#include "fixed/scale.h"

namespace qkd::fixed {

Scale::Scale(std::string name, Weights weights, FixedPoint result_type)
    : Layer(std::move(name), result_type), weights_(std::move(weights)) {
  require(!weights_.bias.empty() && weights_.weights.size() == weights_.bias.size(), this->name(),
          "scale and offset must be (channels,)");
}

Reach Scale::reach(std::span<const Tensor> src) const {
  const std::size_t channels = weights_.bias.size();
  require(src[0].codes.size() == channels, name(), "takes ", channels, " channels; gets ",
          src[0].shape.text());
  Reach reach{src[0].shape, weights_.fraction(src[0].type), {}, {}};
  for (std::size_t c = 0; c < channels; ++c) {
    const Weights one{{weights_.weights[c]}, {weights_.bias[c]}, weights_.weight_type, weights_.bias_type};
    const Reach channel = one.reach(src[0].shape, src[0].type, {src[0].codes[c]}, name());
    reach.codes.push_back(channel.codes[0]);
    reach.partial = reach.partial | channel.partial;
  }
  return reach;
}

std::unique_ptr<Step> Scale::bind(std::span<const Tensor> src) const {
  return step([grids = grids(weights_, src[0].type),
               pixels = src[0].shape.size() / weights_.bias.size()]<typename Code>(
                  std::span<const Code* const> from, Code* dst) {
    const auto& [scale, offset] = std::get<OnGrid<Code>>(grids);
    const Code* value = from[0];
    const std::size_t pixel = scale.size() * kLanes;
    for (std::size_t p = 0; p < pixels; ++p, dst += pixel, value += pixel)
      for (std::size_t i = 0; i < pixel; ++i) dst[i] = scale[i / kLanes] * value[i] + offset[i / kLanes];
  });
}

}  // namespace qkd::fixed
