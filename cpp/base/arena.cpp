#include "base/arena.h"

#include <algorithm>
#include <numeric>

namespace qkd {

Arena::Handle Arena::reserve(std::size_t size, int first, int last) {
  constexpr std::size_t kLane = kAlignment / sizeof(float);
  requests_.push_back({(size + kLane - 1) / kLane * kLane, first, last});
  return requests_.size() - 1;
}

std::vector<std::size_t> Arena::load() const {
  std::vector<std::size_t> load;
  for (const Request& r : requests_) {
    if (r.last < 0) continue;
    const auto first = static_cast<std::size_t>(std::max(r.first, 0)),
               last = static_cast<std::size_t>(r.last);
    if (load.size() <= last) load.resize(last + 1);
    for (std::size_t time = first; time <= last; ++time) load[time] += r.size;
  }
  return load;
}

void Arena::allocate() {
  // Greedy by size: the largest first, each at the lowest offset free over its whole lifetime.
  std::vector<std::size_t> order(requests_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::greater{}, [&](std::size_t i) { return requests_[i].size; });

  std::size_t total = 0;
  std::vector<const Request*> placed;  // by offset
  for (const std::size_t i : order) {
    Request& r = requests_[i];
    std::size_t offset = 0;
    for (const Request* p : placed) {
      const bool together = p->first <= r.last && r.first <= p->last;
      if (together && offset + r.size > p->offset) offset = std::max(offset, p->offset + p->size);
    }
    r.offset = offset;
    total = std::max(total, offset + r.size);
    placed.insert(std::ranges::upper_bound(placed, offset, {}, [](const Request* p) { return p->offset; }),
                  &r);
  }
  block_ = Buffer<float>(total + kSlack);
}

}  // namespace qkd
