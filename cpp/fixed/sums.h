// Weighted sums of codes: dst = src * weights + bias, exactly, on the grid of the finest summand.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "fixed/layer.h"

namespace qkd::fixed {

// Integer weights (terms, n_out) and bias (n_out,) with their types; bias may be empty.
struct Weights {
  std::vector<std::int64_t> weights, bias;
  FixedPoint weight_type, bias_type;

  int fraction(const FixedPoint& src) const;  // of the sums
  // The intervals of the sums of `terms` with the columns of the weights. Every sum starts with its bias.
  Reach reach(const Shape& dst, const FixedPoint& src, const Intervals& terms,
              const std::string& where) const;
};

// Weights and bias brought to the sums' grid, in both widths, for layers that go their own way through them.
class GridWeights {
 public:
  GridWeights(const Weights& weights, const FixedPoint& src);
  std::size_t terms() const { return bias64_.empty() ? 0 : weights64_.size() / bias64_.size(); }
  std::size_t n_out() const { return bias64_.size(); }

  template <typename Code>
  const std::vector<Code>& weights() const;
  template <typename Code>
  const std::vector<Code>& bias() const;

 private:
  std::vector<std::int32_t> weights32_, bias32_;
  std::vector<std::int64_t> weights64_, bias64_;
};

// The sums themselves. 64-bit codes are multiplied as doubles, several times as fast as integers, where
// `partial`, which holds every value met on the way, says that doubles hold them all.
class Sums {
 public:
  Sums(const Weights& weights, const FixedPoint& src, const Interval& partial);
  std::size_t terms() const { return terms_; }
  std::size_t n_out() const { return bias32_.size(); }

  // dst (n_out, 16) from src (terms, 16)
  void forward(const std::int32_t* src, std::int32_t* dst) const;
  void forward(const std::int64_t* src, std::int64_t* dst) const;

 private:
  std::size_t terms_;
  std::vector<std::int32_t> weights32_, bias32_;
  std::vector<std::int64_t> weights64_, bias64_;  // empty where there are
  std::vector<double> weights_f64_, bias_f64_;
};

}  // namespace qkd::fixed
