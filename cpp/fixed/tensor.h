// What travels between frozen layers, and between which bounds: the only interval arithmetic on codes.
#pragma once
#include <algorithm>
#include <vector>

#include "base/int128.h"
#include "base/shape.h"
#include "quant/fixed_point.h"

namespace qkd::fixed {

// The codes that an element can take, whatever the network's input: [low, high].
struct Interval {
  Int128 low = 0, high = 0;

  bool fits(int bits) const {  // in a signed integer of so many bits
    const Int128 half = Int128{1} << (bits - 1);
    return low >= -half && high < half;
  }
  friend Interval operator|(Interval a, Interval b) {
    return {std::min(a.low, b.low), std::max(a.high, b.high)};
  }
  friend Interval operator+(Interval a, Interval b) { return {a.low + b.low, a.high + b.high}; }
  friend Interval operator*(Int128 w, Interval a) {
    return {std::min(w * a.low, w * a.high), std::max(w * a.low, w * a.high)};
  }
};

// One interval a channel: for each position along the last axis, over all positions along the others.
using Intervals = std::vector<Interval>;

struct Tensor {
  Shape shape;  // of one sample, channels last
  FixedPoint type;
  Intervals codes;  // (shape's last axis,)

  int channels() const { return shape[shape.rank() - 1]; }
};

// What a layer's arithmetic gives: `codes` with `fraction` fraction bits, and `partial`, which holds every
// value met on the way, in whatever order sums are taken.
struct Reach {
  Shape shape;
  int fraction;
  Intervals codes;
  Interval partial;
};

// The same codes seen through another shape of as many elements.
inline Intervals reshaped(const Tensor& src, int channels) {
  const std::size_t from = src.codes.size(), to = static_cast<std::size_t>(channels);
  Intervals dst(to);
  for (std::size_t i = 0; i < std::max(src.shape.size(), to); ++i)
    dst[i % to] = i < to ? src.codes[i % from] : dst[i % to] | src.codes[i % from];
  return dst;
}

// Zero, and whatever any channel can be.
inline Interval all(const Intervals& codes) {
  Interval all;
  for (const Interval i : codes) all = all | i;
  return all;
}

}  // namespace qkd::fixed
