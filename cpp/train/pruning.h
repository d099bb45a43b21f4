// Pruning inside training: which tensors, how, and when.
#pragma once
#include <vector>

#include "nn/params.h"
#include "prune/magnitude.h"
#include "prune/schedule.h"

namespace qkd::train {

struct PruneTarget {
  std::size_t param;  // index into Params::list
  prune::Groups groups{};
  // Tensors with one number a group, zero where the group goes: biases and BatchNormalization of a neuron.
  std::vector<std::size_t> followers{};
};

struct PruneRule {
  prune::Schedule schedule;
  std::vector<PruneTarget> targets;
  bool global = false;  // one share of all targets together, in place of one of each

  // Throws ValueError for a schedule or targets that make no sense.
  void check(const nn::Params& params) const;
  // Makes the masks that are due at a step; returns whether there were any.
  bool apply(std::int64_t step, nn::Params& params) const;
};

}  // namespace qkd::train
