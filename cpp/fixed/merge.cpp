#include "fixed/merge.h"

#include <algorithm>
#include <array>

namespace qkd::fixed {
namespace {

int grid(std::span<const Tensor> src) { return std::max(src[0].type.fraction(), src[1].type.fraction()); }

// Both sources' intervals on the finer grid.
std::array<Intervals, 2> aligned(std::span<const Tensor> src, const std::string& where) {
  std::array<Intervals, 2> codes;
  for (std::size_t s = 0; s < 2; ++s) {
    const int shift = grid(src) - src[s].type.fraction();
    require(shift < 63, where, "its inputs must be less than 63 bits apart");
    for (const Interval i : src[s].codes) codes[s].push_back((Int128{1} << shift) * i);
  }
  return codes;
}

std::array<int, 2> shifts(std::span<const Tensor> src) {
  return {grid(src) - src[0].type.fraction(), grid(src) - src[1].type.fraction()};
}

}  // namespace

Reach Add::reach(std::span<const Tensor> src) const {
  require(src[0].shape == src[1].shape, name(), "adds tensors of one shape; gets ", src[0].shape.text(),
          " and ", src[1].shape.text());
  const auto [a, b] = aligned(src, name());
  Reach reach{src[0].shape, grid(src), {}, all(a) | all(b)};
  for (std::size_t c = 0; c < a.size(); ++c) reach.codes.push_back(a[c] + b[c]);
  reach.partial = reach.partial | all(reach.codes);
  return reach;
}

std::unique_ptr<Step> Add::bind(std::span<const Tensor> src) const {
  return step([by = shifts(src), n = src[0].shape.size() * kLanes]<typename Code>(
                  std::span<const Code* const> from, Code* dst) {
    for (std::size_t i = 0; i < n; ++i)
      dst[i] = static_cast<Code>((from[0][i] << by[0]) + (from[1][i] << by[1]));
  });
}

Reach Concatenate::reach(std::span<const Tensor> src) const {
  std::vector<int> sizes = src[0].shape.sizes(), other = src[1].shape.sizes();
  require(sizes.size() == other.size() && std::equal(sizes.begin(), sizes.end() - 1, other.begin()), name(),
          "joins tensors that differ in the last axis alone; gets ", src[0].shape.text(), " and ",
          src[1].shape.text());
  sizes.back() += other.back();
  const auto [a, b] = aligned(src, name());
  Reach reach{Shape(sizes), grid(src), a, all(a) | all(b)};
  reach.codes.insert(reach.codes.end(), b.begin(), b.end());
  return reach;
}

std::unique_ptr<Step> Concatenate::bind(std::span<const Tensor> src) const {
  const std::array width{static_cast<std::size_t>(src[0].channels()) * kLanes,
                         static_cast<std::size_t>(src[1].channels()) * kLanes};
  return step([by = shifts(src), width, pixels = src[0].shape.size() * kLanes / width[0]]<typename Code>(
                  std::span<const Code* const> from, Code* dst) {
    for (std::size_t p = 0; p < pixels; ++p)
      for (std::size_t s = 0; s < 2; ++s)
        for (std::size_t i = 0; i < width[s]; ++i)
          *dst++ = static_cast<Code>(from[s][p * width[s] + i] << by[s]);
  });
}

}  // namespace qkd::fixed
