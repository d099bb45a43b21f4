#include "nn/frame.h"

#include <algorithm>

namespace qkd::nn {

void Frame::clear(float* memory) const { std::fill_n(memory, size(), 0.0f); }

void Frame::fill(const float* image, float* memory) const {
  if (is_bare()) return;
  const std::size_t wide = product(c, copies), line = product(width, 1) * wide;
  for (int y = 0; y < h; ++y) {
    float* to = memory + product(top + y * spread_h, 1) * line + product(left, 1) * wide;
    if (spread_w == 1 && copies == 1) {
      std::copy_n(image, product(w, c), to);
      image += product(w, c);
      continue;
    }
    for (int x = 0; x < w; ++x, to += product(spread_w - 1, 1) * wide)
      for (int i = 0; i < c; ++i, ++image)
        for (int k = 0; k < copies; ++k) *to++ = *image;
  }
}

}  // namespace qkd::nn
