#include "fixed/embedding.h"

#include <algorithm>

namespace qkd::fixed {

Embedding::Embedding(std::string name, int rows, std::vector<std::int64_t> table, FixedPoint result_type)
    : Layer(std::move(name), result_type), rows_(rows), table_(std::move(table)) {
  require(rows > 0 && !table_.empty() && table_.size() % static_cast<std::size_t>(rows) == 0, this->name(),
          "embeddings must be (rows, width)");
}

Reach Embedding::reach(std::span<const Tensor> src) const {
  const Interval indices = all(src[0].codes);
  require(src[0].type.fraction() == 0 && indices.low >= 0, name(),
          "its indices must be whole numbers from 0 on; gets ", src[0].type.ap_type(),
          ". Give the input an unsigned type without fraction bits");
  const std::size_t width = table_.size() / static_cast<std::size_t>(rows_);
  Intervals codes(width);
  for (std::size_t c = 0; c < width; ++c) codes[c] = {table_[c], table_[c]};
  for (std::size_t row = 0; row < table_.size(); row += width)
    for (std::size_t c = 0; c < width; ++c) codes[c] = codes[c] | Interval{table_[row + c], table_[row + c]};
  if (indices.high >= rows_)
    for (Interval& c : codes) c = c | Interval{};
  std::vector<int> sizes = src[0].shape.sizes();
  sizes.push_back(static_cast<int>(width));
  return {Shape(sizes), result_type().fraction(), codes, all(codes)};
}

std::unique_ptr<Step> Embedding::bind(std::span<const Tensor> src) const {
  return step([table = table_, rows = static_cast<std::size_t>(rows_),
               n = src[0].shape.size()]<typename Code>(std::span<const Code* const> from, Code* dst) {
    const std::size_t width = table.size() / rows;
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t s = 0; s < kLanes; ++s) {
        const auto row = static_cast<std::size_t>(from[0][i * kLanes + s]);
        for (std::size_t c = 0; c < width; ++c)
          dst[(i * width + c) * kLanes + s] =
              row < rows ? static_cast<Code>(table[row * width + c]) : Code{0};
      }
  });
}

}  // namespace qkd::fixed
