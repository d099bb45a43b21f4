// Sizes of one sample along its axes, channels last (H W C), without the batch axis.
#pragma once
#include <cstddef>
#include <initializer_list>
#include <string>
#include <vector>

namespace qkd {

class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<int> sizes) : sizes_(sizes) {}
  explicit Shape(std::vector<int> sizes) : sizes_(std::move(sizes)) {}

  int rank() const { return static_cast<int>(sizes_.size()); }
  int operator[](int axis) const { return sizes_[static_cast<std::size_t>(axis)]; }
  const std::vector<int>& sizes() const { return sizes_; }
  std::size_t size() const;  // the number of elements; 0 where an axis is not positive, at most the largest
  std::string text() const;  // (30, 4)

  friend bool operator==(const Shape&, const Shape&) = default;

 private:
  std::vector<int> sizes_;
};

}  // namespace qkd
