#include "prune/magnitude.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "base/check.h"

namespace qkd::prune {
namespace {

struct Group {
  double sum = 0;  // of magnitudes
  std::size_t size = 0, tensor = 0;
  std::int32_t block = 0;
  bool stays = true;

  // Weights that are no numbers any more count as strong: a sort needs an order, and who trains stops anyway.
  double score() const {
    const double mean = sum / static_cast<double>(size);
    return std::isnan(mean) ? std::numeric_limits<double>::infinity() : mean;
  }
};

std::size_t number_of(const Tensor& t, std::size_t i) {
  return t.groups && !t.groups->group.empty() ? static_cast<std::size_t>(t.groups->group[i]) : i;
}

std::int32_t block_of(const Tensor& t, std::size_t i) {
  return t.groups && !t.groups->block.empty() ? t.groups->block[i] : 0;
}

bool has_blocks(const Tensor& t) { return t.groups && !t.groups->block.empty(); }

std::vector<Group> groups_of(const Tensor& t, std::size_t index) {
  std::vector<Group> groups;
  for (std::size_t i = 0; i < t.values.size(); ++i) {
    const std::size_t g = number_of(t, i);
    if (g >= groups.size()) groups.resize(g + 1);
    groups[g].sum += static_cast<double>(std::fabs(t.values[i]));
    ++groups[g].size;
    groups[g].tensor = index;
    groups[g].block = block_of(t, i);
  }
  return groups;
}

// Removes the weakest of a pool; `left` counts the groups that each tensor still has, and guards the last
// one.
void remove_weakest(std::vector<Group*> pool, double sparsity, std::vector<std::size_t>* left) {
  std::size_t weights = 0, removed = 0;
  for (const Group* g : pool) weights += g->size;
  // The slack forgives the rounding of a product such as 0.3 * 10.
  const double wanted = std::ceil(sparsity * static_cast<double>(weights) - 1e-9);
  std::ranges::stable_sort(pool, {}, [](const Group* g) { return g->score(); });
  for (Group* g : pool) {
    if (static_cast<double>(removed) >= wanted) break;
    if (left && (*left)[g->tensor] == 1) continue;
    g->stays = false;
    removed += g->size;
    if (left) --(*left)[g->tensor];
  }
}

}  // namespace

void Groups::check(std::size_t size, const char* where) const {
  for (const auto* numbers : {&group, &block}) {
    require(numbers->empty() || numbers->size() == size, where, "groups and blocks must give ", size,
            " numbers, one a weight; got ", numbers->size());
    for (const std::int32_t n : *numbers)
      require(n >= 0 && static_cast<std::size_t>(n) < size, where, "groups and blocks must be 0 to ",
              size - 1, "; got ", n);
  }
  if (group.empty() || block.empty()) return;
  std::map<std::int32_t, std::int32_t> of;
  for (std::size_t i = 0; i < size; ++i)
    require(of.emplace(group[i], block[i]).first->second == block[i], where, "group ", group[i],
            " must lie in one block");
}

std::vector<std::vector<float>> magnitude_masks(std::span<const Tensor> tensors, double sparsity) {
  std::vector<std::vector<Group>> groups;
  std::map<std::pair<std::size_t, std::int32_t>, std::vector<Group*>> blocks;
  std::vector<Group*> pool;
  std::vector<std::size_t> left(tensors.size());
  bool guarded = tensors.size() > 1;
  for (std::size_t t = 0; t < tensors.size(); ++t) groups.push_back(groups_of(tensors[t], t));
  for (std::size_t t = 0; t < tensors.size(); ++t)
    for (Group& g : groups[t]) {
      if (g.size == 0) continue;
      guarded = guarded || g.size > 1;
      ++left[t];
      if (has_blocks(tensors[t]))
        blocks[{t, g.block}].push_back(&g);
      else
        pool.push_back(&g);
    }
  for (auto& [place, members] : blocks) remove_weakest(members, sparsity, nullptr);
  remove_weakest(pool, sparsity, guarded ? &left : nullptr);
  std::vector<std::vector<float>> masks;
  for (std::size_t t = 0; t < tensors.size(); ++t) {
    std::vector<float> mask(tensors[t].values.size());
    for (std::size_t i = 0; i < mask.size(); ++i)
      mask[i] = groups[t][number_of(tensors[t], i)].stays ? 1.0f : 0.0f;
    masks.push_back(std::move(mask));
  }
  return masks;
}

std::vector<float> magnitude_mask(std::span<const float> values, double sparsity) {
  const Tensor tensor{values};
  return magnitude_masks({&tensor, 1}, sparsity)[0];
}

}  // namespace qkd::prune
