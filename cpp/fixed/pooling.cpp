#include "fixed/pooling.h"

#include <algorithm>

#include "fixed/cast.h"

namespace qkd::fixed {
namespace {

Shape pooled(const Window& window, bool global, const Shape& src, const std::string& where) {
  Shape dst = window.over(src, src[src.rank() - 1], where);
  if (!global) return dst;
  require(dst.size() == static_cast<std::size_t>(src[src.rank() - 1]), where,
          "its window must be its whole input of ", src.text());
  return Shape{src[src.rank() - 1]};
}

// Calls at(dst, pixels) for every position of the window, with the pixels inside the image that it covers.
template <typename Code, typename At>
void for_each_position(const Window& w, const Shape& src, std::array<int, 2> positions, const Code* from,
                       Code* dst, At at) {
  const std::array<int, 2> pixels = Window::image(src);
  const std::size_t pixel = static_cast<std::size_t>(src[src.rank() - 1]) * kLanes;
  std::vector<const Code*> covered;
  for (int y = 0; y < positions[0]; ++y)
    for (int x = 0; x < positions[1]; ++x, dst += pixel) {
      covered.clear();
      for (int i = 0; i < w.size[0]; ++i)
        for (int j = 0; j < w.size[1]; ++j) {
          const int row = y * w.stride[0] + i - w.before[0], column = x * w.stride[1] + j - w.before[1];
          if (row >= 0 && row < pixels[0] && column >= 0 && column < pixels[1])
            covered.push_back(from + static_cast<std::size_t>(row * pixels[1] + column) * pixel);
        }
      at(dst, covered, pixel);
    }
}

}  // namespace

MaxPooling::MaxPooling(std::string name, Window window, bool global, FixedPoint result_type)
    : Layer(std::move(name), result_type), window_(window), global_(global) {}

Reach MaxPooling::reach(std::span<const Tensor> src) const {
  return {pooled(window_, global_, src[0].shape, name()), src[0].type.fraction(), src[0].codes,
          all(src[0].codes)};
}

std::unique_ptr<Step> MaxPooling::bind(std::span<const Tensor> src) const {
  return step(
      [w = window_, shape = src[0].shape, positions = window_.positions(src[0].shape, name())]<typename Code>(
          std::span<const Code* const> from, Code* to) {
        for_each_position(w, shape, positions, from[0], to,
                          [](Code* dst, const std::vector<const Code*>& covered, std::size_t n) {
                            std::copy_n(covered[0], n, dst);
                            for (const Code* values : covered)
                              for (std::size_t i = 0; i < n; ++i) dst[i] = std::max(dst[i], values[i]);
                          });
      });
}

AveragePooling::AveragePooling(std::string name, Window window, bool global, FixedPoint accum_type,
                               FixedPoint result_type)
    : Layer(std::move(name), result_type), window_(window), global_(global), accum_type_(accum_type) {}

Reach AveragePooling::reach(std::span<const Tensor> src) const {
  const Shape dst = pooled(window_, global_, src[0].shape, name());
  const int shift = accum_type_.fraction() - src[0].type.fraction();
  require(shift >= 0 && shift < 63, name(), "its accumulator ", accum_type_.ap_type(),
          " must be as fine as its input ", src[0].type.ap_type());
  const Interval sums = (Int128{window_.size[0] * window_.size[1]} << shift) * all(src[0].codes);
  require(sums.low >= accum_type_.low_code() && sums.high <= accum_type_.high_code(), name(),
          "its accumulator ", accum_type_.ap_type(), " cannot hold every sum");
  Reach reach{dst, result_type().fraction(), {}, sums};
  for (const Interval codes : src[0].codes)
    reach.codes.push_back(cast((Int128{1} << shift) * codes, accum_type_.fraction(), result_type()));
  return reach;
}

std::unique_ptr<Step> AveragePooling::bind(std::span<const Tensor> src) const {
  return step([w = window_, shape = src[0].shape, positions = window_.positions(src[0].shape, name()),
               shift = accum_type_.fraction() - src[0].type.fraction(), fraction = accum_type_.fraction(),
               result = result_type()]<typename Code>(std::span<const Code* const> from, Code* to) {
    for_each_position(
        w, shape, positions, from[0], to,
        [&](Code* dst, const std::vector<const Code*>& covered, std::size_t n) {
          std::fill_n(dst, n, Code{0});
          for (const Code* values : covered)
            for (std::size_t i = 0; i < n; ++i) dst[i] += values[i];
          const auto count = static_cast<std::int64_t>(covered.size());
          for (std::size_t i = 0; i < n; ++i)
            dst[i] = static_cast<Code>(result.requantize((std::int64_t{dst[i]} << shift) / count, fraction));
        });
  });
}

}  // namespace qkd::fixed
