#include "fixed/network.h"

#include <algorithm>

#include "base/check.h"
#include "base/int128.h"
#include "base/simd/kernels.h"

namespace qkd::fixed {
namespace {

using simd::kEmulatorLanes;

// How far products and bias are shifted left to reach the result's grid.
struct Shifts {
  int product, bias;
};
Shifts shifts(const Dense& d, const FixedPoint& src) {
  return {d.result_type.fraction() - src.fraction() - d.weight_type.fraction(),
          d.result_type.fraction() - d.bias_type.fraction()};
}

// The codes that each element of a tensor can take, whatever the input: [low, high].
struct Interval {
  Int128 low, high;
  friend Interval operator|(Interval a, Interval b) {
    return {std::min(a.low, b.low), std::max(a.high, b.high)};
  }
};
using Intervals = std::vector<Interval>;

Intervals through(const Dense& d, const Intervals& src, Shifts by) {
  Intervals dst;
  for (int o = 0; o < d.n_out; ++o) {
    const Int128 bias = static_cast<Int128>(d.bias[static_cast<std::size_t>(o)]) << by.bias;
    Interval sum{bias, bias};
    for (std::size_t i = 0; i < src.size(); ++i) {
      const Int128 w =
          static_cast<Int128>(d.weights[i * static_cast<std::size_t>(d.n_out) + static_cast<std::size_t>(o)])
          << by.product;
      sum.low += std::min(w * src[i].low, w * src[i].high);
      sum.high += std::max(w * src[i].low, w * src[i].high);
    }
    dst.push_back(sum);
  }
  return dst;
}

Intervals through(const Activation& a, const Intervals& src, int from_fraction) {
  // A cast keeps the order of codes unless it wraps, or zeroes what overflows: then any code of its type may
  // come.
  const FixedPoint& to = a.result_type;
  const bool saturates = to.overflow == Overflow::SAT || to.overflow == Overflow::SAT_SYM;
  const int shift = from_fraction - to.fraction();
  Intervals dst;
  for (const auto [low, high] : src) {
    const auto cast = [&](Int128 code) -> Int128 {
      const auto c = static_cast<std::int64_t>(code);
      return to.requantize(a.relu ? std::max<std::int64_t>(c, 0) : c, from_fraction);
    };
    const Int128 down = a.relu ? std::max<Int128>(low, 0) : low,
                 up = a.relu ? std::max<Int128>(high, 0) : high;
    const bool holds = shift >= 0 ? (down >> shift) >= to.low_code() && -(-up >> shift) <= to.high_code()
                                  : (down << -shift) >= to.low_code() && (up << -shift) <= to.high_code();
    dst.push_back(saturates || holds ? Interval{cast(low), cast(high)}
                                     : Interval{to.low_code(), to.high_code()});
  }
  return dst;
}

bool fits(Int128 low, Int128 high, int bits) {
  const Int128 half = Int128{1} << (bits - 1);
  return low >= -half && high < half;
}

}  // namespace

Network::Network(int n_in, FixedPoint input_type, std::vector<Layer> layers)
    : n_in_(n_in),
      n_out_(n_in),
      layers_(std::move(layers)),
      types_{input_type},
      widths_{n_in},
      narrow_(true) {
  require(n_in > 0 && !layers_.empty(), "Network", "needs inputs and at least one layer");
  narrow_ = input_type.bits < 32;
  Intervals codes(static_cast<std::size_t>(n_in), {input_type.low_code(), input_type.high_code()});
  for (const Layer& layer : layers_) {
    const FixedPoint src = types_.back();
    if (const Dense* d = std::get_if<Dense>(&layer)) {
      require(d->n_in == n_out_, d->name, "takes ", d->n_in, " values but gets ", n_out_);
      require(
          d->n_out > 0 &&
              d->weights.size() == static_cast<std::size_t>(d->n_in) * static_cast<std::size_t>(d->n_out) &&
              d->bias.size() == static_cast<std::size_t>(d->n_out),
          d->name, "weights must be (n_in, n_out) and bias (n_out,)");
      const auto [product, bias] = shifts(*d, src);
      require(product >= 0 && bias >= 0 && product < 63 && bias < 63, d->name, "its result type ",
              d->result_type.ap_type(), " is coarser than its products or its bias");
      const Intervals reach = codes;
      codes = through(*d, reach, {product, bias});
      for (const auto [low, high] : codes) {
        require(low >= d->result_type.low_code() && high <= d->result_type.high_code(), d->name,
                "its result type ", d->result_type.ap_type(), " cannot hold every sum");
      }
      // Partial sums too must fit: their reach is the same with zero among each element's codes.
      Intervals partial = reach;
      for (Interval& i : partial) i = i | Interval{0, 0};
      for (const auto [low, high] : through(*d, partial, {product, bias}))
        narrow_ = narrow_ && product == 0 && fits(low, high, 32);
      n_out_ = d->n_out;
      types_.push_back(d->result_type);
      std::vector<std::int32_t> w(d->weights.begin(), d->weights.end()), b;
      for (const std::int64_t code : d->bias) b.push_back(static_cast<std::int32_t>(code << bias));
      weights32_.push_back(std::move(w));
      bias32_.push_back(std::move(b));
    } else {
      const Activation& a = std::get<Activation>(layer);
      narrow_ = narrow_ && a.result_type.bits < 32;
      codes = through(a, codes, src.fraction());
      types_.push_back(a.result_type);
      weights32_.emplace_back();
      bias32_.emplace_back();
    }
    widths_.push_back(n_out_);
  }
}

void Network::run_wide(std::span<const std::int64_t> src, std::size_t layer,
                       std::span<std::int64_t> dst) const {
  const FixedPoint& from = types_[layer];
  if (const Activation* a = std::get_if<Activation>(&layers_[layer])) {
    for (std::size_t i = 0; i < src.size(); ++i)
      dst[i] =
          a->result_type.requantize(a->relu ? std::max<std::int64_t>(src[i], 0) : src[i], from.fraction());
    return;
  }
  const Dense& d = std::get<Dense>(layers_[layer]);
  const auto [product, bias] = shifts(d, from);
  const auto n_in = static_cast<std::size_t>(d.n_in), n_out = static_cast<std::size_t>(d.n_out);
  for (std::size_t s = 0; s < src.size() / n_in; ++s)
    for (std::size_t o = 0; o < n_out; ++o) {
      std::int64_t sum = 0;
      for (std::size_t i = 0; i < n_in; ++i) sum += src[s * n_in + i] * d.weights[i * n_out + o];
      dst[s * n_out + o] = (sum << product) + (d.bias[o] << bias);
    }
}

// Sixteen samples side by side: (width, 16) blocks, one vector an element.
void Network::run_narrow(std::span<const std::int64_t> src, std::span<std::int64_t> dst) const {
  const simd::Kernels& k = simd::kernels();
  const auto lanes = static_cast<std::size_t>(kEmulatorLanes);
  const auto widest = static_cast<std::size_t>(*std::ranges::max_element(widths_));
  std::vector<std::int32_t> a(widest * lanes), b(widest * lanes);
  const auto n_in = static_cast<std::size_t>(n_in_), n_out = static_cast<std::size_t>(n_out_);
  const std::size_t samples = src.size() / n_in;
  for (std::size_t at = 0; at < samples; at += lanes) {
    const std::size_t count = std::min(lanes, samples - at);
    for (std::size_t s = 0; s < count; ++s)
      for (std::size_t i = 0; i < n_in; ++i)
        a[i * lanes + s] = static_cast<std::int32_t>(src[(at + s) * n_in + i]);
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      if (const Dense* d = std::get_if<Dense>(&layers_[l])) {
        k.dense_i32(d->n_in, d->n_out, weights32_[l].data(), bias32_[l].data(), a.data(), b.data());
        a.swap(b);
        continue;
      }
      const Activation& act = std::get<Activation>(layers_[l]);
      const FixedPoint& to = act.result_type;
      const int shift = types_[l].fraction() - to.fraction();
      const std::size_t n = static_cast<std::size_t>(widths_[l]) * lanes;
      const bool simple = (to.rounding == Rounding::RND || to.rounding == Rounding::TRN) &&
                          (to.overflow == Overflow::SAT || to.overflow == Overflow::SAT_SYM) && shift >= 0 &&
                          shift < 31 && types_[l].bits < 31;
      if (simple) {  // half is added before the shift: one bit of room is what bits < 31 leaves
        const std::int32_t half = to.rounding == Rounding::RND && shift > 0 ? 1 << (shift - 1) : 0;
        const auto low =
            static_cast<std::int32_t>(act.relu ? std::max<std::int64_t>(to.low_code(), 0) : to.low_code());
        k.shift_clip_i32(n, a.data(), shift, half, low, static_cast<std::int32_t>(to.high_code()), b.data());
        a.swap(b);
      } else {
        for (std::size_t i = 0; i < n; ++i)
          a[i] = static_cast<std::int32_t>(
              to.requantize(act.relu ? std::max(a[i], 0) : a[i], types_[l].fraction()));
      }
    }
    for (std::size_t s = 0; s < count; ++s)
      for (std::size_t o = 0; o < n_out; ++o) dst[(at + s) * n_out + o] = a[o * lanes + s];
  }
}

void Network::check(std::span<const std::int64_t> src) const {
  const FixedPoint& in = types_.front();
  for (const std::int64_t code : src)
    require(code >= in.low_code() && code <= in.high_code(), "Network", "input codes must be ", in.low_code(),
            " to ", in.high_code(), "; got ", code, ". Encode raw values with the input type first");
}

void Network::run(std::span<const std::int64_t> src, std::span<std::int64_t> dst) const {
  check(src);
  if (narrow_) return run_narrow(src, dst);
  const std::vector<std::vector<std::int64_t>> codes = trace(src);
  std::ranges::copy(codes.back(), dst.begin());
}

std::vector<std::vector<std::int64_t>> Network::trace(std::span<const std::int64_t> src) const {
  check(src);
  std::vector<std::vector<std::int64_t>> results;
  const std::size_t samples = src.size() / static_cast<std::size_t>(n_in_);
  std::span<const std::int64_t> current = src;
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    results.emplace_back(samples * static_cast<std::size_t>(widths_[l + 1]));
    run_wide(current, l, results.back());
    current = results.back();
  }
  return results;
}

}  // namespace qkd::fixed
