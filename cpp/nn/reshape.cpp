#include "nn/reshape.h"

#include <algorithm>

#include "base/check.h"

namespace qkd::nn {
namespace {

class Nothing {
 public:
  explicit Nothing(const Binding&) {}
  void forward() {}
  void backward() {}
};

}  // namespace

Shape Reshape::infer(const Shapes& srcs) const {
  const Shape& src = only(srcs);
  int known = 1, open = 0;
  for (const int n : target_) {
    require(n == -1 || n > 0, name(), "sizes must be positive, or -1 for what is left; got ", n);
    n == -1 ? ++open : known *= n;
  }
  require(open <= 1, name(), "only one size may be -1");
  const int size = static_cast<int>(src.size());
  std::vector<int> sizes = target_;
  std::ranges::replace(sizes, -1, size / known);
  require(Shape(sizes).size() == src.size(), name(), "the target ", Shape(target_).text(),
          " must hold as many numbers as ", src.text());
  return Shape(sizes);
}

std::unique_ptr<Step> Reshape::bind(std::span<const Binding> shards) const {
  return std::make_unique<Shards<Nothing>>(shards);
}

void Reshape::evaluate(const Evaluation& e) const { std::ranges::copy(e.src(), e.dst.begin()); }

}  // namespace qkd::nn
