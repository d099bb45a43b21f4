#include "nn/activation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "base/check.h"
#include "quant/fake_quantizer.h"

namespace qkd::nn {
namespace {

using Kind = Function::Kind;

class ActivationPart {
 public:
  ActivationPart(const Binding& binding, const Function& function,
                 const std::optional<simd::FakeQuantizer>& quantizer, const Clip& passes, bool from_dst)
      : b_(binding),
        function_(function),
        quantizer_(quantizer),
        passes_(passes),
        from_dst_(from_dst),
        size_(static_cast<std::size_t>(binding.batch) * binding.src_shape().size()) {}

  void forward() {
    const float* x = b_.src();
    if (!is_identity()) {
      apply(x, b_.dst);
      x = b_.dst;
    }
    if (quantizer_)
      k_.quantize(size_, x, nullptr, *quantizer_, b_.dst);
    else if (x != b_.dst)
      std::copy_n(x, size_, b_.dst);
  }

  void backward() {
    if (!b_.diff_src()) return;
    if (from_dst_ || is_relu() || is_identity())
      return k_.pass_between(size_, from_dst_ ? b_.kept_dst : b_.kept_src(), passes_.low, passes_.high,
                             b_.diff_dst, b_.diff_src());
    k_.activation_diff(size_, b_.kept_src(), static_cast<int>(function_.kind), function_.slope,
                       function_.offset, passes_.low, passes_.high, b_.diff_dst, b_.diff_src());
  }

 private:
  bool is_line() const {
    return function_.kind == Kind::line && function_.slope == 1 && function_.offset == 0;
  }
  // With a quantiser whose range starts at zero, a ReLU is part of it.
  bool is_relu() const {
    return is_line() && function_.low == 0 && quantizer_ && function_.high >= quantizer_->high;
  }
  bool is_identity() const {
    if (is_relu()) return true;
    return is_line() && std::isinf(function_.low) && std::isinf(function_.high);
  }
  void apply(const float* src, float* dst) const {
    if (is_line()) return k_.clip(size_, src, function_.low, function_.high, dst);
    k_.activation(size_, src, static_cast<int>(function_.kind), function_.slope, function_.offset,
                  function_.low, function_.high, dst);
  }

  const simd::Kernels& k_ = simd::kernels();
  Binding b_;
  Function function_;
  std::optional<simd::FakeQuantizer> quantizer_;
  Clip passes_;
  bool from_dst_;
  std::size_t size_;
};

}  // namespace

double Function::operator()(double x) const {
  const auto of = [x](float number) { return static_cast<double>(number); };
  const auto kept = [&](double y) { return std::clamp(y, of(low), of(high)); };
  switch (kind) {
    case Kind::line:
      return kept(of(slope) * x + of(offset));
    case Kind::leaky_relu:
      return kept(x < 0 ? of(slope) * x : x);
    case Kind::tanh:
      return std::tanh(x);
    case Kind::sigmoid:
      return 1 / (1 + std::exp(-x));
    case Kind::binary:
      return x < 0 ? -of(slope) : of(slope);
    case Kind::ternary:
      return std::abs(x) < of(offset) ? 0 : std::copysign(of(slope), x);
  }
  return x;
}

Function function_from(const std::string& name) {
  static const std::map<std::string, Function> known = {
      {"linear", {}},
      {"relu", {.low = 0}},
      {"relu6", {.low = 0, .high = 6}},
      {"leaky_relu", {.kind = Kind::leaky_relu, .slope = 0.2f}},
      {"tanh", {.kind = Kind::tanh}},
      {"sigmoid", {.kind = Kind::sigmoid}},
      {"hard_sigmoid", {.slope = 0.2f, .offset = 0.5f, .low = 0, .high = 1}},
      {"half_sigmoid", {.slope = 0.5f, .offset = 0.5f, .low = 0, .high = 1}},
      {"smooth_sigmoid", {.slope = 0.1875f, .offset = 0.5f, .low = 0, .high = 1}},
      {"hard_tanh", {.low = -1, .high = 1}},
      {"binary", {.kind = Kind::binary}},
      {"ternary", {.kind = Kind::ternary, .offset = 0.33f}},
  };
  const auto found = known.find(name);
  if (found != known.end()) return found->second;
  std::string names;
  for (const auto& [key, unused] : known) names += names.empty() ? key : ", " + key;
  throw ValueError("[activation] must be one of " + names + "; got '" + name + "'");
}

Activation::Activation(std::string name, Function function, std::optional<FixedPoint> type)
    : Layer(std::move(name)), function_(function), type_(type), passes_{function.low, function.high} {
  if (!type_) return;
  quantizer_ = fake_quantizer(*type_, this->name());
  // Half a step beyond the ends still rounds to them; the slack is left out, as QKeras does.
  passes_ = {std::max(passes_.low, quantizer_->low), std::min(passes_.high, quantizer_->high)};
  if (function_.kind == Kind::line && function_.low == 0) quantizer_->low = std::max(quantizer_->low, 0.0f);
}

std::optional<Clip> Activation::clip() const {
  const bool line = function_.kind == Kind::line && function_.slope == 1 && function_.offset == 0;
  if (!line || type_ || (std::isinf(function_.low) && std::isinf(function_.high))) return std::nullopt;
  return Clip{function_.low, function_.high};
}

std::unique_ptr<Step> Activation::bind(std::span<const Binding> shards) const {
  Clip passes = passes_;
  const bool from_dst = clip().has_value();
  if (from_dst) passes.high = passes.passes_to();
  return std::make_unique<Shards<ActivationPart>>(shards, function_, quantizer_, passes, from_dst);
}

void Activation::evaluate(const Evaluation& e) const {
  for (std::size_t i = 0; i < e.dst.size(); ++i) {
    const double x = function_(e.src()[i]);
    e.dst[i] = type_ ? type_->quantize(x) : x;
  }
}

}  // namespace qkd::nn
