#include "nn/params.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/check.h"
#include "base/limits.h"
#include "quant/fake_quantizer.h"

namespace qkd::nn {
namespace {

// Fan-in and fan-out of a kernel: all axes but the last two are the receptive field (Keras's compute_fans).
std::pair<double, double> fans(const Shape& shape) {
  if (shape.rank() < 2) return {shape[0], shape[0]};
  double field = 1;
  for (int axis = 0; axis < shape.rank() - 2; ++axis) field *= shape[axis];
  return {field * shape[shape.rank() - 2], field * shape[shape.rank() - 1]};
}

double limit(Initializer initializer, const Shape& shape) {
  const auto [fan_in, fan_out] = fans(shape);
  switch (initializer) {
    case Initializer::zeros:
    case Initializer::ones:
      return 0;
    case Initializer::random_uniform:
      return 0.05;
    case Initializer::glorot_uniform:
      return std::sqrt(6.0 / (fan_in + fan_out));
    case Initializer::lecun_uniform:
      return std::sqrt(3.0 / fan_in);
    case Initializer::he_uniform:
      return std::sqrt(6.0 / fan_in);
  }
  return 0;
}

}  // namespace

Initializer initializer_from(const std::string& name) {
  if (name == "zeros") return Initializer::zeros;
  if (name == "glorot_uniform") return Initializer::glorot_uniform;
  if (name == "lecun_uniform") return Initializer::lecun_uniform;
  if (name == "he_uniform") return Initializer::he_uniform;
  if (name == "ones") return Initializer::ones;
  if (name == "random_uniform") return Initializer::random_uniform;
  throw ValueError(
      "[initializer] must be zeros, ones, random_uniform, glorot_uniform, lecun_uniform or he_uniform; got "
      "'" +
      name + "'");
}

void Params::append(ParamSpec spec) {
  constexpr std::size_t kLane = kAlignment / sizeof(float);
  const std::size_t size = spec.shape.size();
  require(size <= kMostValues && end_ + size <= kMostValues, spec.name, "a network of at most ", kMostValues,
          " parameters is required; got a tensor ", spec.shape.text(), " after ", end_);
  Param p{std::move(spec), end_, size, std::nullopt};
  if (p.spec.type) p.quantizer = fake_quantizer(*p.spec.type, p.spec.name);
  list_.push_back(std::move(p));
  end_ += (size + kLane - 1) / kLane * kLane;
}

Params::Params(std::vector<ParamSpec> specs) {
  for (ParamSpec& spec : specs) append(std::move(spec));
  for (std::size_t i = 0, n = list_.size(); i < n; ++i) {
    if (!list_[i].spec.learned) continue;
    const LearnedBits bits = *list_[i].spec.learned;
    bits.check(list_[i].spec.name.c_str());
    list_[i].fraction = list_.size();
    append({list_[i].spec.name + "_fraction", bits.shape(list_[i].spec.shape)});
    list_.back().fractions_of = bits;
  }
  value_ = Buffer<float>(end_ + simd::kSlack);  // kernels read whole vectors
  gradient_ = Buffer<float>(end_);
  mask_ = Buffer<float>(end_);
  effective_ = Buffer<float>(end_ + simd::kSlack);
  std::ranges::fill(mask_.span(), 1.0f);
}

std::size_t Params::count() const {
  return std::accumulate(list_.begin(), list_.end(), std::size_t{0},
                         [](std::size_t n, const Param& p) { return n + (p.fractions_of ? 0 : p.size); });
}

void Params::initialize(Key key) {
  for (const Param& p : list_) {
    const double width = limit(p.spec.initializer, p.spec.shape);
    const Key own = key.fold(p.spec.name);
    std::span<float> values = value(p);
    if (p.fractions_of) {
      std::ranges::fill(values, p.fractions_of->initial);
      continue;
    }
    for (std::size_t i = 0; i < p.size; ++i)
      values[i] = p.spec.initializer == Initializer::ones ? 1.0f
                  : width == 0 ? 0.0f
                               : static_cast<float>(width * (2 * own.uniform(i) - 1));
    mask_out(p);
  }
  refresh();
}

void Params::set_mask(std::size_t index, std::span<const float> mask) {
  Param& p = list_[index];
  require(mask.size() == p.size, p.spec.name, "a mask must have ", p.size, " elements; got ", mask.size());
  std::ranges::copy(mask, mask_.data() + p.offset);
  p.masked = true;
  mask_out(p);
}

void Params::set_value(std::size_t index, std::span<const float> numbers) {
  const Param& p = list_[index];
  require(numbers.size() == p.size, p.spec.name, "must have ", p.size, " numbers; got ", numbers.size());
  std::ranges::copy(numbers, value(p).begin());
  mask_out(p);
}

void Params::mask_out(const Param& p) {
  if (!p.masked) return;
  float* values = value_.data() + p.offset;
  simd::kernels().multiply(p.size, values, mask_.data() + p.offset, values);
}

void Params::clear_mask(std::size_t index) {
  Param& p = list_[index];
  std::ranges::fill(std::span(mask_.data() + p.offset, p.size), 1.0f);
  p.masked = false;
}

std::vector<double> Params::exact(std::size_t index) const {
  const Param& p = list_[index];
  if (p.spec.scaled) return {effective(index), effective(index) + p.size};  // its steps are what float32 says
  if (p.fraction) {
    std::vector<double> exact(p.size);
    for (std::size_t i = 0; i < p.size; ++i) exact[i] = learned(p).quantize(i);
    return exact;
  }
  const auto values = value(p), masks = mask(p);
  std::vector<double> exact(values.begin(), values.end());
  for (std::size_t i = 0; i < exact.size(); ++i)
    exact[i] = static_cast<double>(masks[i]) * (p.spec.type ? p.spec.type->quantize(exact[i]) : exact[i]);
  return exact;
}

LearnedKernel Params::learned(const Param& p) const {
  const auto channels = static_cast<std::size_t>(p.spec.shape[p.spec.shape.rank() - 1]);
  return {channels, value(p), mask(p), value(list_[*p.fraction])};
}

void Params::learn_fractions(std::span<const double> costs) {
  for (std::size_t i = 0; i < list_.size(); ++i)
    if (const Param& p = list_[i]; p.fraction)
      learned(p).learn(gradient(p), costs.empty() ? 0 : costs[i], gradient(list_[*p.fraction]));
}

double Params::regularize() {
  double loss = 0;
  for (const Param& p : list_) {
    const auto [l1, l2] = p.spec.regularizer;
    if (l1 == 0 && l2 == 0) continue;
    const auto w = value(p);
    const auto g = gradient(p);
    double absolute = 0, square = 0;
    for (std::size_t i = 0; i < p.size; ++i) {
      const float x = w[i];
      absolute += static_cast<double>(std::abs(x));
      square += static_cast<double>(x) * static_cast<double>(x);
      g[i] += 2 * l2 * x + (x == 0 ? 0.0f : std::copysign(l1, x));  // a branch on the sign would be a coin
    }
    loss += static_cast<double>(l1) * absolute + static_cast<double>(l2) * square;
  }
  return loss;
}

void Params::refresh() {
  const simd::Kernels& k = simd::kernels();
  for (const Param& p : list_) {
    if (!is_quantised(p)) continue;
    const float* value = value_.data() + p.offset;
    const float* mask = p.masked ? mask_.data() + p.offset : nullptr;
    float* effective = effective_.data() + p.offset;
    if (p.quantizer)
      k.quantize(p.size, value, mask, *p.quantizer, effective);
    else if (p.spec.scaled) {
      p.spec.scaled->quantize(p.spec.shape, {value, p.size}, {effective, p.size});
      if (mask) k.multiply(p.size, effective, mask, effective);
    } else {
      const LearnedKernel kernel = learned(p);
      for (std::size_t i = 0; i < p.size; ++i) effective[i] = static_cast<float>(kernel.quantize(i));
    }
  }
}

}  // namespace qkd::nn
