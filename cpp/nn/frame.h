// An image inside a border of zeros, its pixels perhaps spread with zeros between: where a convolution's
// windows never lie outside.
#pragma once
#include "nn/window.h"

namespace qkd::nn {

struct Frame {
  int h, w, c;                     // the image
  int top, left;                   // where its first pixel lies
  int height, width;               // of the frame
  int spread_h = 1, spread_w = 1;  // from one pixel to the next
  int copies = 1;                  // of every channel, side by side

  // What the windows of `g` read.
  static Frame source(const Geometry& g, int copies = 1) {
    return {g.h, g.w, g.c, g.top, g.left, g.h + g.top + g.bottom, g.w + g.left + g.right, 1, 1, copies};
  }
  // What the source's gradient is a convolution of: dst's gradient, of `channels`, read by windows turned
  // half round that move one pixel at a time.
  static Frame gradient(const Geometry& g, int channels) {
    return {g.out_h,
            g.out_w,
            channels,
            g.kernel_h - 1 - g.top,
            g.kernel_w - 1 - g.left,
            g.h + g.kernel_h - 1,
            g.w + g.kernel_w - 1,
            g.stride_h,
            g.stride_w};
  }

  bool is_bare() const { return height == h && width == w && copies == 1; }  // the image itself
  std::size_t image() const { return product(h * w, c); }                    // floats
  std::size_t size() const { return is_bare() ? 0 : product(height, width * c * copies); }

  // Windows over the frame that give `outs` channels.
  simd::Convolution windows(int kernel_h, int kernel_w, int out_h, int out_w, int outs, int stride_h,
                            int stride_w) const {
    const std::ptrdiff_t pixel = std::ptrdiff_t{c} * copies, row = width * pixel;
    return {out_h, out_w, outs, kernel_h, kernel_w * c * copies, row, stride_h * row, stride_w * pixel};
  }

  // Calls body(frame, sample) for each of the images, in `memory` of size().
  template <typename Body>
  void each(int samples, const float* images, float* memory, const Body& body) const {
    clear(memory);
    for (int s = 0; s < samples; ++s, images += image()) {
      fill(images, memory);
      body(is_bare() ? images : memory, s);
    }
  }

 private:
  static std::size_t product(int a, int b) {
    return static_cast<std::size_t>(a) * static_cast<std::size_t>(b);
  }
  void clear(float* memory) const;
  void fill(const float* image, float* memory) const;
};

}  // namespace qkd::nn
