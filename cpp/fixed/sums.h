// Weighted sums of codes: dst = src * weights + bias, exactly, on the grid of the finest summand.
#pragma once
#include <cstdint>
#include <string>
#include <tuple>
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

// Weights and bias brought to the sums' grid, as numbers that hold them.
template <typename Number>
struct OnGrid {
  std::vector<Number> weights, bias;
};
// As codes of both widths, for layers that go their own way through them: std::get<OnGrid<Code>>.
using Grids = std::tuple<OnGrid<std::int32_t>, OnGrid<std::int64_t>>;
Grids grids(const Weights& weights, const FixedPoint& src);

// The sums themselves. 64-bit codes are multiplied as doubles, several times as fast as integers, where
// `partial`, which holds every value met on the way, says that doubles hold them all.
class Sums {
 public:
  Sums(const Weights& weights, const FixedPoint& src, const Interval& partial);
  std::size_t terms() const { return narrow_.weights.size() / n_out(); }
  std::size_t n_out() const { return narrow_.bias.size(); }

  // dst (n_out, 16) from src (terms, 16)
  void forward(const std::int32_t* src, std::int32_t* dst) const;
  void forward(const std::int64_t* src, std::int64_t* dst) const;

 private:
  OnGrid<std::int32_t> narrow_;
  OnGrid<std::int64_t> wide_;  // empty where there are
  OnGrid<double> doubles_;
};

}  // namespace qkd::fixed
