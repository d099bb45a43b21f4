#include "fixed/conv.h"

#include <algorithm>

namespace qkd::fixed {
namespace {

// What the window sees: the channel's codes, and the zeros around the image.
Interval seen(const Tensor& src, const Window& window, std::size_t channel) {
  return window.padded() ? src.codes[channel] | Interval{} : src.codes[channel];
}

// The window's place over an image of (height, width): calls at(tap, pixel) for every tap that lies inside.
template <typename At>
void for_each_tap(const Window& w, std::array<int, 2> pixels, int y, int x, At at) {
  for (int i = 0; i < w.size[0]; ++i)
    for (int j = 0; j < w.size[1]; ++j) {
      const int row = y * w.stride[0] + i - w.before[0], column = x * w.stride[1] + j - w.before[1];
      if (row >= 0 && row < pixels[0] && column >= 0 && column < pixels[1])
        at(static_cast<std::size_t>(i * w.size[1] + j), static_cast<std::size_t>(row * pixels[1] + column));
    }
}

}  // namespace

Conv::Conv(std::string name, Window window, int channels, Weights weights, FixedPoint result_type)
    : Layer(std::move(name), result_type),
      window_(window),
      channels_(channels),
      weights_(std::move(weights)) {
  const auto taps = static_cast<std::size_t>(window.size[0] * window.size[1] * channels);
  require(!weights_.bias.empty() && weights_.weights.size() == taps * weights_.bias.size(), this->name(),
          "weights must be (height, width, channels, n_out) and bias (n_out,)");
}

Reach Conv::reach(std::span<const Tensor> src) const {
  const Shape dst = window_.over(src[0].shape, static_cast<int>(weights_.bias.size()), name());
  require(src[0].channels() == channels_, name(), "takes ", channels_, " channels; gets ",
          src[0].shape.text());
  Intervals terms;
  for (int tap = 0; tap < window_.size[0] * window_.size[1]; ++tap)
    for (std::size_t c = 0; c < src[0].codes.size(); ++c) terms.push_back(seen(src[0], window_, c));
  return weights_.reach(dst, src[0].type, terms, name());
}

std::unique_ptr<Step> Conv::bind(std::span<const Tensor> src) const {
  return step([sums = Sums(weights_, src[0].type, reach(src).partial), w = window_,
               pixels = Window::image(src[0].shape), positions = window_.positions(src[0].shape, name()),
               pixel = static_cast<std::size_t>(channels_) * kLanes]<typename Code>(
                  std::span<const Code* const> from, Code* dst) {
    std::vector<Code> window(sums.terms() * kLanes);
    for (int y = 0; y < positions[0]; ++y)
      for (int x = 0; x < positions[1]; ++x, dst += sums.n_out() * kLanes) {
        if (w.padded()) std::ranges::fill(window, Code{0});
        for_each_tap(w, pixels, y, x, [&](std::size_t tap, std::size_t at) {
          std::copy_n(from[0] + at * pixel, pixel, window.data() + tap * pixel);
        });
        sums.forward(window.data(), dst);
      }
  });
}

DepthwiseConv::DepthwiseConv(std::string name, Window window, Weights weights, FixedPoint result_type)
    : Layer(std::move(name), result_type), window_(window), weights_(std::move(weights)) {
  const auto taps = static_cast<std::size_t>(window.size[0] * window.size[1]);
  require(!weights_.bias.empty() && weights_.weights.size() == taps * weights_.bias.size(), this->name(),
          "weights must be (height, width, channels) and bias (channels,)");
}

Reach DepthwiseConv::reach(std::span<const Tensor> src) const {
  const std::size_t channels = weights_.bias.size(), taps = weights_.weights.size() / channels;
  const Shape dst = window_.over(src[0].shape, static_cast<int>(channels), name());
  require(src[0].codes.size() == channels, name(), "takes ", channels, " channels; gets ",
          src[0].shape.text());
  Reach reach{dst, weights_.fraction(src[0].type), {}, {}};
  for (std::size_t c = 0; c < channels; ++c) {
    Weights one{{}, {weights_.bias[c]}, weights_.weight_type, weights_.bias_type};
    for (std::size_t tap = 0; tap < taps; ++tap) one.weights.push_back(weights_.weights[tap * channels + c]);
    const Intervals terms(taps, seen(src[0], window_, c));
    const Reach channel = one.reach(dst, src[0].type, terms, name());
    reach.codes.push_back(channel.codes[0]);
    reach.partial = reach.partial | channel.partial;
  }
  return reach;
}

std::unique_ptr<Step> DepthwiseConv::bind(std::span<const Tensor> src) const {
  return step([grids = grids(weights_, src[0].type), w = window_, pixels = Window::image(src[0].shape),
               positions = window_.positions(src[0].shape, name())]<typename Code>(
                  std::span<const Code* const> from, Code* dst) {
    const auto& [weights, bias] = std::get<OnGrid<Code>>(grids);
    const std::size_t channels = bias.size(), pixel = channels * kLanes;
    for (int y = 0; y < positions[0]; ++y)
      for (int x = 0; x < positions[1]; ++x, dst += pixel) {
        for (std::size_t c = 0; c < channels; ++c) std::fill_n(dst + c * kLanes, kLanes, bias[c]);
        for_each_tap(w, pixels, y, x, [&](std::size_t tap, std::size_t at) {
          const Code *weight = weights.data() + tap * channels, *value = from[0] + at * pixel;
          for (std::size_t i = 0; i < pixel; ++i) dst[i] += weight[i / kLanes] * value[i];
        });
      }
  });
}

}  // namespace qkd::fixed
