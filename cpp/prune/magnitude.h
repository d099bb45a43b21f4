// Magnitude pruning over flat views.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace qkd::prune {

// Which weights of a tensor go together, and among which of them a share is taken. Both are numbers from 0
// on, one a weight.
struct Groups {
  std::vector<std::int32_t> group{};  // weights of one number stay or go as one; empty: each alone
  std::vector<std::int32_t> block{};  // the share is taken within weights of one number; empty: of the tensor

  // Throws ValueError, naming `where`, unless they fit a tensor of `size` weights and no group lies in two
  // blocks.
  void check(std::size_t size, const char* where) const;
};

struct Tensor {
  std::span<const float> values;
  const Groups* groups = nullptr;  // null: every weight alone, in one block
};

// Of each tensor the mask (ones and zeros) that removes the groups of the smallest mean magnitudes until
// ceil(sparsity * n) weights of a block are gone; of equal ones the first go. Rounding up keeps the promise
// "at least this sparse". Tensors without blocks share one pool: given together, they are pruned globally.
// The last group of such a tensor stays, where groups are larger than one weight or the pool is of several
// tensors.
std::vector<std::vector<float>> magnitude_masks(std::span<const Tensor> tensors, double sparsity);

std::vector<float> magnitude_mask(std::span<const float> values, double sparsity);

}  // namespace qkd::prune
