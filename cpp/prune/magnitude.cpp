#include "prune/magnitude.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace qkd::prune {

std::vector<float> magnitude_mask(std::span<const float> values, double sparsity) {
  // The slack forgives the rounding of a product such as 0.3 * 10.
  const auto zeros =
      static_cast<std::ptrdiff_t>(std::ceil(sparsity * static_cast<double>(values.size()) - 1e-9));
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return std::fabs(values[i]); });
  std::vector<float> mask(values.size(), 1.0f);
  for (std::ptrdiff_t i = 0; i < zeros; ++i) mask[order[static_cast<std::size_t>(i)]] = 0.0f;
  return mask;
}

}  // namespace qkd::prune
