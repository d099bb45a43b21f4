#include "nn/window.h"

#include <algorithm>

#include "base/check.h"

namespace qkd::nn {
namespace {

struct Axis {
  int before, after, out;
};

Axis axis(const std::string& name, int size, int kernel, int stride, Padding padding) {
  require(kernel > 0 && stride > 0, name, "window and strides must be positive; got ", kernel, " and ",
          stride);
  if (padding == Padding::valid) {
    require(size >= kernel, name, "the window (", kernel, ") must not be larger than the source (", size,
            "). Use padding='same' or fewer pools");
    return {0, 0, (size - kernel) / stride + 1};
  }
  const int out = (size + stride - 1) / stride, zeros = std::max((out - 1) * stride + kernel - size, 0);
  return {zeros / 2, zeros - zeros / 2, out};
}

}  // namespace

Padding padding_from(const std::string& name) {
  require(name == "valid" || name == "same", "padding", "must be valid or same; got '", name, "'");
  return name == "same" ? Padding::same : Padding::valid;
}

Geometry geometry(const std::string& name, const Shape& src, const Window& window) {
  require(src.rank() == 2 || src.rank() == 3, name,
          "takes an image (height, width, channels) or a series (length, channels) per sample; got ",
          src.text());
  const bool series = src.rank() == 2;
  const int h = series ? 1 : src[0], w = src[series ? 0 : 1], c = src[series ? 1 : 2];
  const Axis y = axis(name, h, window.kernel_h, window.stride_h, window.padding);
  const Axis x = axis(name, w, window.kernel_w, window.stride_w, window.padding);
  return {h,
          w,
          c,
          window.kernel_h,
          window.kernel_w,
          window.stride_h,
          window.stride_w,
          y.before,
          y.after,
          x.before,
          x.after,
          y.out,
          x.out};
}

Shape window_shape(const Shape& src, const Geometry& g, int channels) {
  return src.rank() == 2 ? Shape{g.out_w, channels} : Shape{g.out_h, g.out_w, channels};
}

}  // namespace qkd::nn
