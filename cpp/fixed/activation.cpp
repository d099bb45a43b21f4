#include "fixed/activation.h"

#include <algorithm>
#include <array>

#include "fixed/cast.h"

namespace qkd::fixed {
namespace {

constexpr std::array kNames = {"linear", "relu", "relu6", "leaky_relu", "hard_sigmoid", "hard_tanh"};

template <typename Code>
struct Exact {
  Code code;
  int fraction;
};

// The function of one code with `fraction` fraction bits, before the cast.
template <typename Code>
Exact<Code> apply(Function function, Coefficient slope, Coefficient shift, Code x, int fraction) {
  switch (function) {
    case Function::linear:
      return {x, fraction};
    case Function::relu:
      return {std::max(x, Code{0}), fraction};
    case Function::relu6: {
      const Code six = fraction >= 0 ? Code{6} << fraction : Code{6} >> -fraction;
      if (x > six) return {6, 0};
      return {std::max(x, Code{0}), fraction};
    }
    case Function::leaky_relu:
      if (x > 0) return {x, fraction};
      return {static_cast<Code>(slope.code * x), fraction + slope.fraction};
    default:
      break;
  }
  const int grid = std::max(fraction + slope.fraction, shift.fraction);
  const Code one = Code{1} << grid;
  Code y = (static_cast<Code>(slope.code * x) << (grid - fraction - slope.fraction)) +
           (static_cast<Code>(shift.code) << (grid - shift.fraction));
  y = std::clamp(y, Code{0}, one);
  return {function == Function::hard_sigmoid ? y : 2 * y - one, grid};
}

// ReLU or nothing, then any rounding, then saturation: a few vector operations on sixteen samples.
//
// Every rounding is a floor of q plus something below 2^shift: `add` always, one more where q's lowest kept
// bit is set (`odd`), and what `negative` holds where q is below zero.
class ShiftAndClip {
 public:
  ShiftAndClip(Function function, const FixedPoint& from, const FixedPoint& to)
      : shift_(from.fraction() - to.fraction()) {
    possible_ = (function == Function::linear || function == Function::relu) &&
                (to.overflow == Overflow::SAT || to.overflow == Overflow::SAT_SYM) && shift_ >= 0 &&
                shift_ < 30 && from.bits < 30 && to.bits < 31;  // the sum above takes one bit of room
    if (!possible_) return;
    low_ = static_cast<std::int32_t>(function == Function::relu ? std::max<std::int64_t>(to.low_code(), 0)
                                                                : to.low_code());
    high_ = static_cast<std::int32_t>(to.high_code());
    if (shift_ == 0 || to.rounding == Rounding::TRN) return;
    const std::int32_t half = 1 << (shift_ - 1);
    switch (to.rounding) {
      case Rounding::TRN_ZERO:
        negative_ = 2 * half - 1;
        break;
      case Rounding::RND_INF:
        add_ = half;
        negative_ = -1;
        break;
      case Rounding::RND:
        add_ = half;
        break;
      default:  // ties go down, but
        add_ = half - 1;
        odd_ = to.rounding == Rounding::RND_CONV;
        negative_ = to.rounding == Rounding::RND_ZERO;
    }
  }

  bool possible() const { return possible_; }

  void operator()(std::size_t n, const std::int32_t* src, std::int32_t* dst) const {
    const simd::Kernels& k = simd::kernels();
    if (odd_ == 0 && negative_ == 0) return k.shift_clip_i32(n, src, shift_, add_, low_, high_, dst);
    std::array<std::int32_t, kLanes> sums;
    for (std::size_t at = 0; at < n; at += kLanes) {
      for (std::size_t s = 0; s < kLanes; ++s) {
        const std::int32_t q = src[at + s];
        sums[s] = q + ((q >> shift_) & odd_) + ((q >> 31) & negative_);
      }
      k.shift_clip_i32(kLanes, sums.data(), shift_, add_, low_, high_, dst + at);
    }
  }

 private:
  bool possible_ = false;
  int shift_;
  std::int32_t add_ = 0, odd_ = 0, negative_ = 0, low_ = 0, high_ = 0;
};

}  // namespace

Function function_from(const std::string& name) {
  const auto found = std::ranges::find(kNames, name);
  require(found != kNames.end(), "activation",
          "must be one of linear, relu, relu6, leaky_relu, hard_sigmoid, hard_tanh; got '", name, "'");
  return static_cast<Function>(found - kNames.begin());
}

Activation::Activation(std::string name, Function function, Coefficient slope, Coefficient shift,
                       FixedPoint result_type)
    : Layer(std::move(name), result_type), function_(function), slope_(slope), shift_(shift) {
  require(slope.code >= 0, this->name(), "its slope must not be negative");
}

Reach Activation::reach(std::span<const Tensor> src) const {
  const int fraction = src[0].type.fraction(), grid = std::max(fraction + slope_.fraction, shift_.fraction);
  require(std::abs(fraction - result_type().fraction()) <= 63, name(),
          "types must be less than 64 bits apart; got ", src[0].type.ap_type(), " to ",
          result_type().ap_type());
  require(function_ < Function::hard_sigmoid ||
              (grid >= 0 && grid < 62 && grid - fraction - slope_.fraction < 62),
          name(), "slope, shift and input must be less than 62 bits apart, and finer than one");
  require(function_ != Function::relu6 || std::abs(fraction) < 60, name(),
          "relu6 takes types of fewer bits; got ", src[0].type.ap_type());
  Reach reach{src[0].shape, result_type().fraction(), {}, all(src[0].codes)};
  const bool sloped = function_ >= Function::leaky_relu;
  const Interval product =
      (Int128{slope_.code} << (function_ > Function::leaky_relu ? grid - fraction - slope_.fraction : 0)) *
      all(src[0].codes);
  require(!sloped || product.fits(62), name(), "its slope times its input must fit 62 bits");
  for (const Interval codes : src[0].codes) {
    // Every function keeps the order of codes, so that the ends of an interval go to the ends.
    const Exact<Int128> low = apply(function_, slope_, shift_, codes.low, fraction),
                        high = apply(function_, slope_, shift_, codes.high, fraction);
    const Interval down = cast({low.code, low.code}, low.fraction, result_type()),
                   up = cast({high.code, high.code}, high.fraction, result_type());
    const bool saturates =
        result_type().overflow == Overflow::SAT || result_type().overflow == Overflow::SAT_SYM;
    const bool single = down.low == down.high && up.low == up.high;  // neither end overflows
    reach.codes.push_back(saturates || single ? Interval{down.low, up.high} : whole(result_type()));
  }
  return reach;
}

std::unique_ptr<Step> Activation::bind(std::span<const Tensor> src) const {
  const FixedPoint &from = src[0].type, &to = result_type();
  return step([function = function_, slope = slope_, shift = shift_, to, fraction = from.fraction(),
               fast = ShiftAndClip(function_, from, to),
               n = src[0].shape.size() * kLanes]<typename Code>(std::span<const Code* const> x, Code* dst) {
    if constexpr (sizeof(Code) == 4) {
      if (fast.possible()) return fast(n, x[0], dst);
    }
    for (std::size_t i = 0; i < n; ++i) {
      const auto y = apply<std::int64_t>(function, slope, shift, x[0][i], fraction);
      dst[i] = static_cast<Code>(to.requantize(y.code, y.fraction));
    }
  });
}

}  // namespace qkd::fixed
