// Magnitude pruning over a flat view.
#pragma once
#include <span>
#include <vector>

namespace qkd::prune {

// The mask (ones and zeros) that removes the ceil(sparsity * n) smallest magnitudes; of equal ones the first
// go. Rounding up keeps the promise "at least this sparse".
std::vector<float> magnitude_mask(std::span<const float> values, double sparsity);

}  // namespace qkd::prune
