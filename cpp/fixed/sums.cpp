#include "fixed/sums.h"

#include <algorithm>

namespace qkd::fixed {
namespace {

// Left shifts of codes that are multiplied by zero may leave 64 bits: unsigned, they do so quietly.
std::int64_t shifted(std::int64_t code, int by) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(code) << by);
}

template <typename Number>
OnGrid<Number> on_grid(const Weights& w, const FixedPoint& src) {
  const int grid = w.fraction(src), product = grid - src.fraction() - w.weight_type.fraction(),
            offset = grid - w.bias_type.fraction();
  OnGrid<Number> to;
  to.weights.reserve(w.weights.size());
  to.bias.reserve(w.bias.size());
  for (const std::int64_t code : w.weights) to.weights.push_back(static_cast<Number>(shifted(code, product)));
  for (const std::int64_t code : w.bias) to.bias.push_back(static_cast<Number>(shifted(code, offset)));
  return to;
}

}  // namespace

int Weights::fraction(const FixedPoint& src) const {
  return std::max(src.fraction() + weight_type.fraction(), bias_type.fraction());
}

Reach Weights::reach(const Shape& dst, const FixedPoint& src, const Intervals& terms,
                     const std::string& where) const {
  const int grid = fraction(src), product = grid - src.fraction() - weight_type.fraction(),
            offset = grid - bias_type.fraction();
  require(product < 63 && offset < 63 && src.bits + weight_type.bits + product <= 96, where,
          "its input, weights and bias must be less than 63 bits apart");
  const std::size_t n_out = bias.size();
  Reach reach{dst, grid, Intervals(n_out), {}};
  for (std::size_t o = 0; o < n_out; ++o) {
    const Int128 start = static_cast<Int128>(bias[o]) << offset;
    Interval sum{start, start}, partial = sum | Interval{};
    for (std::size_t i = 0; i < terms.size(); ++i) {
      const Int128 w = static_cast<Int128>(weights[i * n_out + o]) << product;
      sum = sum + w * terms[i];
      partial = partial + w * (terms[i] | Interval{});
    }
    reach.codes[o] = sum;
    reach.partial = reach.partial | partial;
  }
  return reach;
}

Grids grids(const Weights& w, const FixedPoint& src) {
  return {on_grid<std::int32_t>(w, src), on_grid<std::int64_t>(w, src)};
}

Sums::Sums(const Weights& w, const FixedPoint& src, const Interval& partial)
    : narrow_(on_grid<std::int32_t>(w, src)) {
  if (partial.fits(54))  // -2^53 to 2^53 - 1
    doubles_ = on_grid<double>(w, src);
  else
    wide_ = on_grid<std::int64_t>(w, src);
}

void Sums::forward(const std::int32_t* src, std::int32_t* dst) const {
  simd::kernels().dense_i32(static_cast<int>(terms()), static_cast<int>(n_out()), narrow_.weights.data(),
                            narrow_.bias.data(), src, dst);
}

void Sums::forward(const std::int64_t* src, std::int64_t* dst) const {
  if (!doubles_.bias.empty())
    return simd::kernels().dense_i64(static_cast<int>(terms()), static_cast<int>(n_out()),
                                     doubles_.weights.data(), doubles_.bias.data(), src, dst);
  const std::size_t n_in = terms(), n_out = this->n_out();
  for (std::size_t o = 0; o < n_out; ++o) {
    std::int64_t* const sum = dst + o * kLanes;
    std::fill_n(sum, kLanes, wide_.bias[o]);
    for (std::size_t i = 0; i < n_in; ++i) {
      const std::int64_t w = wide_.weights[i * n_out + o];
      if (w == 0) continue;
      for (std::size_t s = 0; s < kLanes; ++s) sum[s] += w * src[i * kLanes + s];
    }
  }
}

}  // namespace qkd::fixed
