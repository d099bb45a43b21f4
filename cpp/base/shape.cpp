#include "base/shape.h"

#include <limits>

namespace qkd {

std::size_t Shape::size() const {
  std::size_t n = 1;
  for (const int s : sizes_) {
    if (s <= 0) return 0;
    if (n > std::numeric_limits<std::size_t>::max() / static_cast<std::size_t>(s))
      return std::numeric_limits<std::size_t>::max();
    n *= static_cast<std::size_t>(s);
  }
  return n;
}

std::string Shape::text() const {
  std::string out = "(";
  for (std::size_t i = 0; i < sizes_.size(); ++i) out += (i ? ", " : "") + std::to_string(sizes_[i]);
  return out + (sizes_.size() == 1 ? ",)" : ")");
}

}  // namespace qkd
