// Functions that hls4ml reads from a table.
#pragma once
#include "fixed/layer.h"

namespace qkd::fixed {

struct Table {
  std::vector<std::int64_t> codes;
  FixedPoint type;
};
void check(const Table& table,
           const std::string& where);  // ValueError for a size or codes that none can have

// The entry of a table over -span / 2 to span / 2 that hls4ml reads for a code, whose sum must fit an int.
std::size_t entry(Int128 code, int fraction, std::size_t size, int span);
bool index_fits(Interval codes, int fraction, std::size_t size, int span);

// table[trunc(x * size / span) + size / 2], the index kept inside: sigmoid's span is 16, tanh's 8.
class Lookup final : public Layer {
 public:
  Lookup(std::string name, Table table, int span, FixedPoint result_type);
  Reach reach(std::span<const Tensor> src) const override;
  std::unique_ptr<Step> bind(std::span<const Tensor> src) const override;

 private:
  Table table_;
  int span_;
};

// exp(x) / sum exp(x) of one vector: e = exponential[the highest bits of x], sum = e's sum cast to sum_type,
// result = e * inverse[the highest bits of sum]. `stable` reads exponential (of -x) at max(x) - x instead.
class Softmax final : public Layer {
 public:
  Softmax(std::string name, bool stable, Table exponential, Table inverse, FixedPoint accum_type,
          FixedPoint sum_type, FixedPoint result_type);
  Reach reach(std::span<const Tensor> src) const override;
  std::unique_ptr<Step> bind(std::span<const Tensor> src) const override;

 private:
  bool stable_;
  Table exponential_, inverse_;
  FixedPoint accum_type_, sum_type_;
};

// 1 where the largest element is (the first of equals), else 0.
class Argmax final : public Layer {
 public:
  using Layer::Layer;
  Reach reach(std::span<const Tensor> src) const override;
  std::unique_ptr<Step> bind(std::span<const Tensor> src) const override;
};

}  // namespace qkd::fixed
