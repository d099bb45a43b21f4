#include "fixed/table.h"

#include <algorithm>
#include <bit>

#include "fixed/cast.h"

namespace qkd::fixed {
void check(const Table& table, const std::string& where) {
  require(std::has_single_bit(table.codes.size()), where, "a table's size must be a power of two; got ",
          table.codes.size());
  for (const std::int64_t code : table.codes)
    require(code >= table.type.low_code() && code <= table.type.high_code(), where,
            "a table must hold codes of its type ", table.type.ap_type());
}

namespace {

// trunc(code * 2^-fraction * size / span), as ap_fixed multiplies, divides and becomes an int.
Int128 scaled(Int128 code, int fraction, std::size_t size, int span) {
  const Int128 product = code * static_cast<Int128>(size);
  return fraction >= 0 ? product / (Int128{span} << fraction) : (product / span) * (Int128{1} << -fraction);
}

}  // namespace

std::size_t entry(Int128 code, int fraction, std::size_t size, int span) {
  const auto last = static_cast<Int128>(size) - 1;
  return static_cast<std::size_t>(
      std::clamp<Int128>(scaled(code, fraction, size, span) + static_cast<Int128>(size / 2), 0, last));
}

bool index_fits(Interval codes, int fraction, std::size_t size, int span) {
  return fraction < 64 && fraction > -32 &&
         Interval{scaled(codes.low, fraction, size, span), scaled(codes.high, fraction, size, span)}.fits(31);
}

namespace {

int address_bits(const Table& table) { return static_cast<int>(std::bit_width(table.codes.size())) - 1; }

// The highest bits of a code of `bits` bits, as many as the table has addresses.
std::size_t address(const Table& table, std::int64_t code, int bits) {
  const auto raw = static_cast<std::uint64_t>(code) & ((std::uint64_t{1} << bits) - 1);
  return static_cast<std::size_t>(raw >> (bits - address_bits(table)));
}

void check_vector(const Tensor& src, const std::string& where) {
  require(src.shape.rank() == 1, where, "takes one vector; gets ", src.shape.text());
}

}  // namespace

Lookup::Lookup(std::string name, Table table, int span, FixedPoint result_type)
    : Layer(std::move(name), result_type), table_(std::move(table)), span_(span) {
  check(table_, this->name());
}

Reach Lookup::reach(std::span<const Tensor> src) const {
  const Interval codes = all(src[0].codes);
  const int fraction = src[0].type.fraction();
  require(index_fits(codes, fraction, table_.codes.size(), span_), name(),
          "its input is too far from the table, whose index is an int; got ", src[0].type.ap_type());
  Interval range{result_type().requantize(table_.codes[0], table_.type.fraction()), 0};
  range.high = range.low;
  for (const std::int64_t code : table_.codes) {
    const Int128 c = result_type().requantize(code, table_.type.fraction());
    range = range | Interval{c, c};
  }
  return {src[0].shape, result_type().fraction(), Intervals(src[0].codes.size(), range), all(src[0].codes)};
}

std::unique_ptr<Step> Lookup::bind(std::span<const Tensor> src) const {
  std::vector<std::int64_t> results;
  for (const std::int64_t code : table_.codes)
    results.push_back(result_type().requantize(code, table_.type.fraction()));
  return step([results, span = span_, fraction = src[0].type.fraction(),
               n = src[0].shape.size() * kLanes]<typename Code>(std::span<const Code* const> x, Code* dst) {
    for (std::size_t i = 0; i < n; ++i)
      dst[i] = static_cast<Code>(results[entry(x[0][i], fraction, results.size(), span)]);
  });
}

Softmax::Softmax(std::string name, bool stable, Table exponential, Table inverse, FixedPoint accum_type,
                 FixedPoint sum_type, FixedPoint result_type)
    : Layer(std::move(name), result_type),
      stable_(stable),
      exponential_(std::move(exponential)),
      inverse_(std::move(inverse)),
      accum_type_(accum_type),
      sum_type_(sum_type) {
  check(exponential_, this->name());
  check(inverse_, this->name());
  require(address_bits(inverse_) <= sum_type_.bits, this->name(), "its inverse table has more entries than ",
          sum_type_.ap_type(), " has codes");
}

Reach Softmax::reach(std::span<const Tensor> src) const {
  check_vector(src[0], name());
  require(address_bits(exponential_) <= src[0].type.bits, name(),
          "its table has more entries than its input ", src[0].type.ap_type(), " has codes");
  const int shift = accum_type_.fraction() - exponential_.type.fraction();
  require(shift >= 0 && shift < 63, name(), "its accumulator ", accum_type_.ap_type(),
          " must be as fine as its table");
  const auto [low, high] = std::ranges::minmax(exponential_.codes);
  const Interval sum = (Int128{src[0].shape[0]} << shift) * (Interval{low, high} | Interval{});
  require(sum.low >= accum_type_.low_code() && sum.high <= accum_type_.high_code(), name(),
          "its accumulator ", accum_type_.ap_type(), " cannot hold every sum");
  const Int128 inverse = std::ranges::max(inverse_.codes, {}, [](std::int64_t c) { return c < 0 ? -c : c; });
  require((inverse * sum).fits(64), name(), "its exponentials times their inverses must fit 64 bits");
  return {src[0].shape, result_type().fraction(), Intervals(src[0].codes.size(), whole(result_type())),
          all(src[0].codes)};
}

std::unique_ptr<Step> Softmax::bind(std::span<const Tensor> src) const {
  return step([stable = stable_, e = exponential_, inverse = inverse_, accum = accum_type_, sums = sum_type_,
               to = result_type(), n = src[0].shape.size(),
               bits = src[0].type.bits]<typename Code>(std::span<const Code* const> x, Code* dst) {
    for (std::size_t s = 0; s < kLanes; ++s) {
      std::int64_t largest = x[0][s], sum = 0;
      for (std::size_t i = 0; i < n; ++i) largest = std::max<std::int64_t>(largest, x[0][i * kLanes + s]);
      const auto exponential = [&](std::size_t i) {
        const std::int64_t code = x[0][i * kLanes + s];
        return e.codes[address(e, stable ? largest - code : code, bits)]
               << (accum.fraction() - e.type.fraction());
      };
      for (std::size_t i = 0; i < n; ++i) sum += exponential(i);
      const std::int64_t total = sums.requantize(sum, accum.fraction());
      const std::int64_t factor = inverse.codes[address(inverse, total, sums.bits)];
      for (std::size_t i = 0; i < n; ++i)
        dst[i * kLanes + s] = static_cast<Code>(
            to.requantize(exponential(i) * factor, accum.fraction() + inverse.type.fraction()));
    }
  });
}

Reach Argmax::reach(std::span<const Tensor> src) const {
  check_vector(src[0], name());
  const Interval one = cast({1, 1}, 0, result_type());
  return {src[0].shape, result_type().fraction(), Intervals(src[0].codes.size(), one | Interval{}),
          all(src[0].codes)};
}

std::unique_ptr<Step> Argmax::bind(std::span<const Tensor> src) const {
  return step([one = result_type().requantize(1, 0), n = src[0].shape.size()]<typename Code>(
                  std::span<const Code* const> x, Code* dst) {
    for (std::size_t s = 0; s < kLanes; ++s) {
      std::size_t best = 0;
      for (std::size_t i = 0; i < n; ++i) {
        dst[i * kLanes + s] = 0;
        if (x[0][i * kLanes + s] > x[0][best * kLanes + s]) best = i;
      }
      dst[best * kLanes + s] = static_cast<Code>(one);
    }
  });
}

}  // namespace qkd::fixed
