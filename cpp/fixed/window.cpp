#include "fixed/window.h"

#include "base/check.h"

namespace qkd::fixed {

std::array<int, 2> Window::image(const Shape& src) {
  return src.rank() == 2 ? std::array{1, src[0]} : std::array{src[0], src[1]};
}

std::array<int, 2> Window::positions(const Shape& src, const std::string& where) const {
  require(src.rank() == 2 || src.rank() == 3, where,
          "takes (width, channels) or (height, width, channels); gets ", src.text());
  std::array<int, 2> count{};
  const std::array<int, 2> pixels = image(src);
  for (std::size_t axis = 0; axis < 2; ++axis) {
    require(size[axis] > 0 && stride[axis] > 0 && before[axis] >= 0 && after[axis] >= 0, where,
            "window and stride must be positive, padding not negative");
    require(before[axis] < size[axis] && after[axis] < size[axis], where,
            "padding must be smaller than the window");
    const int room = pixels[axis] + before[axis] + after[axis] - size[axis];
    require(room >= 0, where, "its window of ", size[axis], " pixels must fit its input of ", src.text());
    count[axis] = room / stride[axis] + 1;
  }
  return count;
}

Shape Window::over(const Shape& src, int channels, const std::string& where) const {
  const auto [height, width] = positions(src, where);
  return src.rank() == 2 ? Shape{width, channels} : Shape{height, width, channels};
}

}  // namespace qkd::fixed
