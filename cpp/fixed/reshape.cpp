#include "fixed/reshape.h"

#include <algorithm>

namespace qkd::fixed {
Reshape::Reshape(std::string name, Shape shape, FixedPoint result_type)
    : Layer(std::move(name), result_type), shape_(std::move(shape)) {
  require(shape_.rank() > 0, this->name(), "a shape of at least one axis is required");
}

Reach Reshape::reach(std::span<const Tensor> src) const {
  require(shape_.size() == src[0].shape.size(), name(), "to ", shape_.text(), " takes as many values; gets ",
          src[0].shape.text());
  return {shape_, src[0].type.fraction(), reshaped(src[0], shape_[shape_.rank() - 1]), all(src[0].codes)};
}

std::unique_ptr<Step> Reshape::bind(std::span<const Tensor> src) const {
  return step([n = src[0].shape.size() * kLanes](auto from, auto* dst) { std::copy_n(from[0], n, dst); });
}

ZeroPadding::ZeroPadding(std::string name, std::array<int, 2> before, std::array<int, 2> after,
                         FixedPoint result_type)
    : Layer(std::move(name), result_type), before_(before), after_(after) {
  require(std::min({before[0], before[1], after[0], after[1]}) >= 0, this->name(),
          "padding must not be negative");
}

Reach ZeroPadding::reach(std::span<const Tensor> src) const {
  const Shape& from = src[0].shape;
  require(from.rank() == 3 || (from.rank() == 2 && before_[0] == 0 && after_[0] == 0), name(),
          "pads (width, channels) or (height, width, channels); gets ", from.text());
  const int width = before_[1] + Window::image(from)[1] + after_[1];
  const Shape dst =
      from.rank() == 2 ? Shape{width, from[1]} : Shape{before_[0] + from[0] + after_[0], width, from[2]};
  Reach reach{dst, src[0].type.fraction(), src[0].codes, all(src[0].codes)};
  for (Interval& i : reach.codes) i = i | Interval{};
  return reach;
}

std::unique_ptr<Step> ZeroPadding::bind(std::span<const Tensor> src) const {
  const std::size_t pixel = static_cast<std::size_t>(src[0].channels()) * kLanes;
  return step([before = before_, after = after_, pixels = Window::image(src[0].shape), pixel]<typename Code>(
                  std::span<const Code* const> from, Code* dst) {
    const auto zeros = [&](int count) {
      dst = std::fill_n(dst, static_cast<std::size_t>(count) * pixel, Code{0});
    };
    const int width = before[1] + pixels[1] + after[1];
    const std::size_t row = static_cast<std::size_t>(pixels[1]) * pixel;
    zeros(before[0] * width);
    for (int y = 0; y < pixels[0]; ++y) {
      zeros(before[1]);
      dst = std::copy_n(from[0] + static_cast<std::size_t>(y) * row, row, dst);
      zeros(after[1]);
    }
    zeros(after[0] * width);
  });
}

}  // namespace qkd::fixed
