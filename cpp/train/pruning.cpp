#include "train/pruning.h"

#include <algorithm>

#include "base/check.h"

namespace qkd::train {
namespace {

std::size_t groups_in(const PruneTarget& t, const nn::Param& p) {
  if (t.groups.group.empty()) return p.size;
  return static_cast<std::size_t>(*std::ranges::max_element(t.groups.group)) + 1;
}

void set_masks(nn::Params& params, const PruneTarget& t, const std::vector<float>& mask) {
  params.set_mask(t.param, mask);
  if (t.followers.empty()) return;
  std::vector<float> groups(groups_in(t, params.list()[t.param]), 1.0f);
  for (std::size_t i = 0; i < mask.size(); ++i)
    groups[t.groups.group.empty() ? i : static_cast<std::size_t>(t.groups.group[i])] = mask[i];
  for (const std::size_t follower : t.followers) params.set_mask(follower, groups);
}

}  // namespace

void PruneRule::check(const nn::Params& params) const {
  schedule.check();
  for (const PruneTarget& t : targets) {
    require(t.param < params.list().size(), "pruning", "there are ", params.list().size(),
            " parameter tensors; got index ", t.param);
    const nn::Param& p = params.list()[t.param];
    t.groups.check(p.size, p.spec.name.c_str());
    for (const std::size_t follower : t.followers) {
      require(follower < params.list().size(), "pruning", "there is no parameter tensor ", follower);
      require(params.list()[follower].size == groups_in(t, p), params.list()[follower].spec.name,
              "must have one number a group of ", p.spec.name, " to follow it");
    }
  }
}

bool PruneRule::apply(std::int64_t step, nn::Params& params) const {
  if (!schedule.due(step)) return false;
  const double sparsity = schedule.sparsity(step);
  std::vector<prune::Tensor> tensors;
  for (const PruneTarget& t : targets) tensors.push_back({params.value(params.list()[t.param]), &t.groups});
  if (global) {
    const auto masks = prune::magnitude_masks(tensors, sparsity);
    for (std::size_t i = 0; i < targets.size(); ++i) set_masks(params, targets[i], masks[i]);
    return true;
  }
  for (std::size_t i = 0; i < targets.size(); ++i)
    set_masks(params, targets[i], prune::magnitude_masks({&tensors[i], 1}, sparsity)[0]);
  return true;
}

}  // namespace qkd::train
