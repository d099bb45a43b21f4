// A window that slides over an image: where convolutions and poolings look.
#pragma once
#include <array>
#include <string>

#include "base/shape.h"

namespace qkd::fixed {

// Along each axis of the image (height, width); a sequence (width, channels) is an image of height one.
struct Window {
  std::array<int, 2> size, stride, before, after;  // in pixels; before and after: the zeros around

  bool padded() const { return before[0] || before[1] || after[0] || after[1]; }
  // The image's own (height, width) and the number of positions of the window along both.
  static std::array<int, 2> image(const Shape& src);
  std::array<int, 2> positions(const Shape& src, const std::string& where) const;
  // src's shape with the window's positions in place of the pixels
  Shape over(const Shape& src, int channels, const std::string& where) const;
};

}  // namespace qkd::fixed
