// Fraction bits that are learned beside the weights, as in HGQ (Sun et al. 2024, arXiv:2405.00645, section
// 3).
//
// Notation: w = latent weight, f = round(latent fraction bits) of its group, q = floor(w 2^f + 1/2) 2^-f.
// The error d = w - q shrinks as 2^-f, so that d q / d f is taken as ln 2 * d, and d q / d w as 1. A weight
// whose q is 0 has no bits: it is pruned.
//
// EBOPs of a kernel = sum over its weights of b_w * b_x, b_x the bits of what they are multiplied with and,
// while training, b_w = max(0, floor(log2 |q|) + 1 + f): from the leading bit of q to its grid.
#pragma once
#include <cstddef>
#include <span>

#include "base/shape.h"

namespace qkd::nn {

struct LearnedBits {
  enum class Granularity { weight, channel, layer };
  Granularity granularity = Granularity::weight;
  float initial = 4, least = -4, most = 10;  // fraction bits

  // Throws ValueError, naming `where`, for bits that make no sense.
  void check(const char* where) const;
  Shape shape(const Shape& kernel) const;  // of the fraction bits
};

// Views of one kernel; `fractions` has one number for all weights, one for each channel (the last axis), or
// one each.
struct LearnedKernel {
  std::size_t channels;
  std::span<const float> values, masks, fractions;

  std::size_t place(std::size_t weight) const;  // of its fraction bits
  double quantize(std::size_t weight) const;    // q, masked
  // Bits from the leading one of q to its grid; 0 where q is 0.
  int bits(std::size_t weight) const;

  // fraction_gradient = sum of gradient * ln 2 * d over a group, plus cost for each bit of a weight that has
  // some.
  void learn(std::span<const float> gradient, double cost, std::span<float> fraction_gradient) const;
};

}  // namespace qkd::nn
