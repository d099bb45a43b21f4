#include "base/arena.h"

#include <algorithm>
#include <numeric>

namespace qkd {
namespace {

std::size_t whole_lanes(std::size_t size) {
  constexpr std::size_t kLane = kAlignment / sizeof(float);
  return (size + kLane - 1) / kLane * kLane;
}

}  // namespace

Arena::Handle Arena::reserve(std::size_t size, Lives lives) {
  first_.push_back(requests_.size());
  for (int shard = 0; shard < shards_; ++shard) requests_.push_back({whole_lanes(size), lives, shard});
  return first_.size() - 1;
}

Arena::Handle Arena::reserve_once(std::size_t size, Lives lives) {
  first_.push_back(requests_.size());
  requests_.push_back({whole_lanes(size), lives, kAll});
  return first_.size() - 1;
}

std::vector<std::size_t> Arena::load() const {
  std::vector<std::size_t> load;
  for (const Request& r : requests_) {
    int counted = 0;  // the times before this one
    for (const Life& life : r.lives) {
      if (life.last < counted) continue;
      const auto last = static_cast<std::size_t>(life.last);
      if (load.size() <= last) load.resize(last + 1);
      for (auto time = static_cast<std::size_t>(std::max(life.first, counted)); time <= last; ++time)
        load[time] += r.size;
      counted = life.last + 1;
    }
  }
  return load;
}

bool Arena::Request::meets(const Request& other) const {
  if (shard != kAll && other.shard != kAll && shard != other.shard) return true;
  for (const Life& a : lives)
    for (const Life& b : other.lives)
      if (a.first <= b.last && b.first <= a.last) return true;
  return false;
}

void Arena::allocate() {
  // Greedy by size: the largest first, each at the lowest offset free over its whole life.
  std::vector<std::size_t> order(requests_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::greater{}, [&](std::size_t i) { return requests_[i].size; });

  std::size_t total = 0;
  std::vector<const Request*> placed;  // by offset
  for (const std::size_t i : order) {
    Request& r = requests_[i];
    if (r.size == 0) break;  // nor has any that follows
    std::size_t offset = 0;
    for (const Request* p : placed)
      if (offset + r.size > p->offset && r.meets(*p)) offset = std::max(offset, p->offset + p->size);
    r.offset = offset;
    total = std::max(total, offset + r.size);
    placed.insert(std::ranges::upper_bound(placed, offset, {}, [](const Request* p) { return p->offset; }),
                  &r);
  }
  block_ = Buffer<float>(total + kSlack);
}

float* Arena::at(Handle handle, int shard) {
  const std::size_t first = first_[handle];
  const bool is_shared = requests_[first].shard == kAll;
  return block_.data() + requests_[is_shared ? first : first + static_cast<std::size_t>(shard)].offset;
}

}  // namespace qkd
