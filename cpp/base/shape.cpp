#include "base/shape.h"

namespace qkd {

std::size_t Shape::size() const {
  std::size_t n = 1;
  for (const int s : sizes_) n *= static_cast<std::size_t>(s);
  return n;
}

std::string Shape::text() const {
  std::string out = "(";
  for (std::size_t i = 0; i < sizes_.size(); ++i) out += (i ? ", " : "") + std::to_string(sizes_[i]);
  return out + (sizes_.size() == 1 ? ",)" : ")");
}

}  // namespace qkd
