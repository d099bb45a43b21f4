#include "fixed/gru.h"

#include <algorithm>

#include "fixed/cast.h"

namespace qkd::fixed {
namespace {

constexpr int kSigmoidSpan = 16, kTanhSpan = 8;

Interval range(const Table& table) {
  const auto [low, high] = std::ranges::minmax(table.codes);
  return {low, high};
}

// A table's results as codes of the accumulator, whose grid is finer.
std::vector<std::int64_t> on_grid(const Table& table, const FixedPoint& accum) {
  std::vector<std::int64_t> codes;
  for (const std::int64_t code : table.codes) codes.push_back(accum.requantize(code, table.type.fraction()));
  return codes;
}

class Cell {
 public:
  Cell(const Gru::Options& o, Sums input, Sums inner, const Tensor& src, const FixedPoint& state)
      : sequences_(o.return_sequences),
        steps_(static_cast<std::size_t>(src.shape[0])),
        n_(static_cast<std::size_t>(src.shape[1])),
        u_(inner.terms()),
        input_(std::move(input)),
        inner_(std::move(inner)),
        input_shift_(o.accum.fraction() - o.kernel.fraction(src.type)),
        inner_shift_(o.accum.fraction() - o.recurrent.fraction(state)),
        sigmoid_(on_grid(o.sigmoid, o.accum)),
        tanh_(on_grid(o.tanh, o.accum)),
        accum_(o.accum),
        state_(state) {}

  template <typename Code>
  void operator()(std::span<const Code* const> from, Code* dst) const {
    const std::size_t wide = u_ * kLanes;
    std::vector<std::int64_t> x(n_ * kLanes), a(3 * wide), c(3 * wide), h(wide);
    for (std::size_t t = 0; t < steps_; ++t) {
      std::copy_n(from[0] + t * x.size(), x.size(), x.begin());
      input_.forward(x.data(), a.data());
      inner_.forward(h.data(), c.data());
      for (std::int64_t& code : a) code <<= input_shift_;
      for (std::int64_t& code : c) code <<= inner_shift_;
      for (std::size_t i = 0; i < wide; ++i)
        h[i] = next(h[i], a[i] + c[i], a[wide + i] + c[wide + i], a[2 * wide + i], c[2 * wide + i]);
      if (!sequences_ && t + 1 < steps_) continue;
      std::transform(h.begin(), h.end(), dst + (sequences_ ? t * wide : 0),
                     [](std::int64_t code) { return static_cast<Code>(code); });
    }
  }

 private:
  std::int64_t next(std::int64_t h, std::int64_t to_z, std::int64_t to_r, std::int64_t a,
                    std::int64_t c) const {
    const int f = accum_.fraction(), grid = f + std::max(f, state_.fraction());
    const std::int64_t z = read(sigmoid_, kSigmoidSpan, to_z), r = read(sigmoid_, kSigmoidSpan, to_r);
    const std::int64_t g = read(tanh_, kTanhSpan, a + accum_.requantize(r * c, 2 * f));
    const std::int64_t one = std::int64_t{1} << f;
    return state_.requantize(
        ((g * (one - z)) << (grid - 2 * f)) + ((h * z) << (grid - f - state_.fraction())), grid);
  }
  std::int64_t read(const std::vector<std::int64_t>& table, int span, std::int64_t code) const {
    return table[entry(code, accum_.fraction(), table.size(), span)];
  }

  bool sequences_;
  std::size_t steps_, n_, u_;
  Sums input_, inner_;
  int input_shift_, inner_shift_;
  std::vector<std::int64_t> sigmoid_, tanh_;
  FixedPoint accum_, state_;
};

}  // namespace

Gru::Gru(std::string name, Options options, FixedPoint result_type)
    : Layer(std::move(name), result_type),
      o_(std::move(options)),
      units_(static_cast<int>(o_.kernel.bias.size() / 3)) {
  const std::size_t u = o_.kernel.bias.size() / 3;
  require(u > 0 && o_.kernel.bias.size() == 3 * u && o_.recurrent.bias.size() == 3 * u &&
              o_.kernel.weights.size() % (3 * u) == 0 && o_.recurrent.weights.size() == 3 * u * u,
          this->name(),
          "kernel must be (n, 3 units), recurrent_kernel (units, 3 units), each bias (3 units,)");
  check(o_.sigmoid, this->name());
  check(o_.tanh, this->name());
  const Interval z = range(o_.sigmoid);
  require(o_.sigmoid.type.fraction() >= 0 && z.low >= 0 && z.high <= Int128{1} << o_.sigmoid.type.fraction(),
          this->name(), "its sigmoid's table must hold values of 0 to 1");
}

// Each state lies between zero, the one before and a candidate; rounding to its own grid passes neither.
Interval Gru::states() const {
  return cast(range(o_.tanh) | Interval{}, o_.tanh.type.fraction(), result_type());
}

Reach Gru::input(const Tensor& src) const {
  return o_.kernel.reach(Shape{3 * units_}, src.type, src.codes, name());
}

Reach Gru::inner() const {
  const Intervals h(static_cast<std::size_t>(units_), states() | Interval{});
  return o_.recurrent.reach(Shape{3 * units_}, result_type(), h, name());
}

Reach Gru::reach(std::span<const Tensor> src) const {
  const auto n = static_cast<int>(o_.kernel.weights.size() / o_.kernel.bias.size());
  require(src[0].shape.rank() == 2 && src[0].shape[1] == n, name(), "takes a series (steps, ", n, "); gets ",
          src[0].shape.text());
  const Interval state = states() | Interval{};
  const Reach input = this->input(src[0]), inner = this->inner();
  const int f = o_.accum.fraction();
  const int finest =
      std::max({input.fraction, inner.fraction, o_.sigmoid.type.fraction(), o_.tanh.type.fraction()});
  require(f >= finest, name(), "its accumulator ", o_.accum.ap_type(), " must have ", finest,
          " fraction bits, so that no sum and no table rounds");
  require(f - std::min(input.fraction, inner.fraction) < 63 && 2 * f + 3 <= 62 &&
              f + result_type().bits + 1 <= 62 && o_.accum.bits + f <= 62,
          name(), "its products must fit 63 bits; the accumulator is ", o_.accum.ap_type(), ", the state ",
          result_type().ap_type(), ". Use fewer bits");
  const Interval a = (Int128{1} << (f - input.fraction)) * input.partial,
                 c = (Int128{1} << (f - inner.fraction)) * inner.partial,
                 sum = a | c | (a + (c | Interval{}));
  require(sum.low >= o_.accum.low_code() && sum.high <= o_.accum.high_code() &&
              o_.accum.high_code() > Int128{1} << f,
          name(), "its accumulator ", o_.accum.ap_type(), " must hold every sum, and 1");
  for (const int span : {kSigmoidSpan, kTanhSpan})
    require(index_fits(sum, f, std::max(o_.sigmoid.codes.size(), o_.tanh.codes.size()), span), name(),
            "its accumulator ", o_.accum.ap_type(), " is too far from the table, whose index is an int");
  const Shape dst = o_.return_sequences ? Shape{src[0].shape[0], units_} : Shape{units_};
  return {dst, result_type().fraction(), Intervals(static_cast<std::size_t>(units_), state), state};
}

std::unique_ptr<Step> Gru::bind(std::span<const Tensor> src) const {
  return step(Cell(o_, Sums(o_.kernel, src[0].type, input(src[0]).partial),
                   Sums(o_.recurrent, result_type(), inner().partial), src[0], result_type()));
}

}  // namespace qkd::fixed
