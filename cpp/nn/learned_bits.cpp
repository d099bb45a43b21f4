#include "nn/learned_bits.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "base/check.h"

namespace qkd::nn {

void LearnedBits::check(const char* where) const {
  constexpr float kMost = 16;  // a float32 holds grid and value
  require(-kMost <= least && least <= initial && initial <= most && most <= kMost, where,
          "fraction bits must be -16 <= least <= initial <= most <= 16; got ", least, ", ", initial, " and ",
          most);
}

Shape LearnedBits::shape(const Shape& kernel) const {
  if (granularity == Granularity::weight) return kernel;
  return {granularity == Granularity::channel ? kernel[kernel.rank() - 1] : 1};
}

std::size_t LearnedKernel::place(std::size_t weight) const {
  if (fractions.size() == values.size()) return weight;
  return fractions.size() == 1 ? 0 : weight % channels;
}

double LearnedKernel::quantize(std::size_t weight) const {
  const double grid = std::exp2(std::nearbyint(static_cast<double>(fractions[place(weight)])));
  return static_cast<double>(masks[weight]) * std::floor(static_cast<double>(values[weight]) * grid + 0.5) /
         grid;
}

int LearnedKernel::bits(std::size_t weight) const {
  const double q = quantize(weight);
  if (q == 0) return 0;
  return std::ilogb(q) + 1 + static_cast<int>(std::nearbyint(static_cast<double>(fractions[place(weight)])));
}

void LearnedKernel::learn(std::span<const float> gradient, double cost,
                          std::span<float> fraction_gradient) const {
  std::vector<double> sums(fraction_gradient.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (masks[i] == 0) continue;
    const double q = quantize(i), error = static_cast<double>(values[i]) - q;
    sums[place(i)] += static_cast<double>(gradient[i]) * std::numbers::ln2 * error + (q == 0 ? 0 : cost);
  }
  std::ranges::transform(sums, fraction_gradient.begin(), [](double s) { return static_cast<float>(s); });
}

}  // namespace qkd::nn
