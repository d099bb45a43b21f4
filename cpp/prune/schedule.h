// When to prune and how much, in optimiser steps: TFMOT's ConstantSparsity and PolynomialDecay.
//
//   s(t) = final + (initial - final) * (1 - (t - begin) / (end - begin))^power,  begin <= t <= end
//
// Zhu & Gupta, "To prune, or not to prune" (2017), equation 1. Constant sparsity is initial = final.
#pragma once
#include <cstdint>

namespace qkd::prune {

struct Schedule {
  double initial_sparsity, final_sparsity;
  std::int64_t begin_step, end_step;  // end_step < 0: never ends
  std::int64_t frequency;
  double power = 3;

  // Throws ValueError for sparsities outside [0, 1), frequency < 1, or end before begin.
  void check() const;

  bool due(std::int64_t step) const;  // are the masks to be made anew before this step?
  double sparsity(std::int64_t step) const;
};

}  // namespace qkd::prune
