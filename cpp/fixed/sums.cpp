#include "fixed/sums.h"

#include <algorithm>

namespace qkd::fixed {
namespace {

// Left shifts of codes that are multiplied by zero may leave 64 bits: unsigned, they do so quietly.
std::int64_t shifted(std::int64_t code, int by) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(code) << by);
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

GridWeights::GridWeights(const Weights& w, const FixedPoint& src) {
  const int grid = w.fraction(src), product = grid - src.fraction() - w.weight_type.fraction(),
            offset = grid - w.bias_type.fraction();
  for (const std::int64_t code : w.weights) weights64_.push_back(shifted(code, product));
  for (const std::int64_t code : w.bias) bias64_.push_back(shifted(code, offset));
  for (const std::int64_t code : weights64_) weights32_.push_back(static_cast<std::int32_t>(code));
  for (const std::int64_t code : bias64_) bias32_.push_back(static_cast<std::int32_t>(code));
}

template <>
const std::vector<std::int32_t>& GridWeights::weights<std::int32_t>() const {
  return weights32_;
}
template <>
const std::vector<std::int64_t>& GridWeights::weights<std::int64_t>() const {
  return weights64_;
}
template <>
const std::vector<std::int32_t>& GridWeights::bias<std::int32_t>() const {
  return bias32_;
}
template <>
const std::vector<std::int64_t>& GridWeights::bias<std::int64_t>() const {
  return bias64_;
}

Sums::Sums(const Weights& w, const FixedPoint& src, const Interval& partial) {
  const GridWeights grid(w, src);
  terms_ = grid.terms();
  weights32_ = grid.weights<std::int32_t>();
  bias32_ = grid.bias<std::int32_t>();
  const auto &weights = grid.weights<std::int64_t>(), &bias = grid.bias<std::int64_t>();
  if (partial.fits(54)) {  // -2^53 to 2^53 - 1
    weights_f64_.assign(weights.begin(), weights.end());
    bias_f64_.assign(bias.begin(), bias.end());
  } else {
    weights64_ = weights;
    bias64_ = bias;
  }
}

void Sums::forward(const std::int32_t* src, std::int32_t* dst) const {
  simd::kernels().dense_i32(static_cast<int>(terms_), static_cast<int>(n_out()), weights32_.data(),
                            bias32_.data(), src, dst);
}

void Sums::forward(const std::int64_t* src, std::int64_t* dst) const {
  if (!bias_f64_.empty())
    return simd::kernels().dense_i64(static_cast<int>(terms_), static_cast<int>(n_out()), weights_f64_.data(),
                                     bias_f64_.data(), src, dst);
  for (std::size_t o = 0; o < n_out(); ++o) {
    std::int64_t* const sum = dst + o * kLanes;
    std::fill_n(sum, kLanes, bias64_[o]);
    for (std::size_t i = 0; i < terms_; ++i) {
      const std::int64_t w = weights64_[i * n_out() + o];
      if (w == 0) continue;
      for (std::size_t s = 0; s < kLanes; ++s) sum[s] += w * src[i * kLanes + s];
    }
  }
}

}  // namespace qkd::fixed
