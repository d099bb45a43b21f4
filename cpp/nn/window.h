// The geometry of what slides over an image: convolutions and pools. Images are (height, width, channels); a
// series (length, channels) is an image of height one.
#pragma once
#include <string>

#include "base/shape.h"
#include "base/simd/kernels.h"

namespace qkd::nn {

enum class Padding { valid, same };
Padding padding_from(const std::string& name);

struct Window {
  int kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1;
  Padding padding = Padding::valid;
};

struct Geometry {
  int h, w, c;  // the source
  int kernel_h, kernel_w, stride_h, stride_w;
  int top, bottom, left, right;  // zeros around the source
  int out_h, out_w;

  operator simd::Windows() const {
    return {h, w, c, kernel_h, kernel_w, stride_h, stride_w, top, left, out_h, out_w};
  }
  int pixels() const { return out_h * out_w; }
  int taps() const { return kernel_h * kernel_w; }
  // One by one, step one: every source pixel is its own patch.
  bool is_pointwise() const { return taps() == 1 && stride_h == 1 && stride_w == 1; }
  // Whether the tap (ky, kx) of output pixel (y, x) lies inside the source.
  int row(int y, int ky) const { return y * stride_h - top + ky; }
  int column(int x, int kx) const { return x * stride_w - left + kx; }
  bool inside(int row, int column) const { return row >= 0 && row < h && column >= 0 && column < w; }
};

// TensorFlow's padding: `same` gives ceil(size / stride) outputs, the odd zero at the end. Throws, naming the
// layer, for a source that is no image or smaller than the window.
Geometry geometry(const std::string& name, const Shape& src, const Window& window);

// The result's shape, of the source's rank.
Shape window_shape(const Shape& src, const Geometry& g, int channels);

}  // namespace qkd::nn
