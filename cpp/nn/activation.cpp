#include "nn/activation.h"

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "quant/fake_quantizer.h"

namespace qkd::nn {
namespace {

class ActivationStep final : public Step {
 public:
  ActivationStep(const Binding& binding, const std::optional<simd::FakeQuantizer>& quantizer, bool relu,
                 float low, float high)
      : b_(binding),
        quantizer_(quantizer),
        relu_(relu),
        low_(low),
        high_(high),
        size_(static_cast<std::size_t>(binding.batch) * binding.src_shape.size()) {}

  void forward() override {
    if (quantizer_)
      k_.quantize(size_, b_.src, nullptr, *quantizer_, b_.dst);
    else if (relu_)
      k_.relu(size_, b_.src, b_.dst);
    else
      std::copy_n(b_.src, size_, b_.dst);
  }

  void backward() override {
    if (b_.diff_src) k_.pass_between(size_, b_.src, low_, high_, b_.diff_dst, b_.diff_src);
  }

 private:
  const simd::Kernels& k_ = simd::kernels();
  Binding b_;
  std::optional<simd::FakeQuantizer> quantizer_;
  bool relu_;
  float low_, high_;
  std::size_t size_;
};

}  // namespace

Activation::Activation(std::string name, Function function, std::optional<FixedPoint> type)
    : Layer(std::move(name)), function_(function), type_(type) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  low_ = -kInfinity;
  high_ = kInfinity;
  if (type_) {
    quantizer_ = fake_quantizer(*type_, this->name());
    // Half a step beyond the ends still rounds to them; the slack is left out, as QKeras does.
    low_ = quantizer_->low;
    high_ = quantizer_->high;
  }
  if (function_ == Function::relu) {
    low_ = 0;
    if (quantizer_) quantizer_->low = 0;
  }
}

std::unique_ptr<Step> Activation::bind(const Binding& binding) const {
  return std::make_unique<ActivationStep>(binding, quantizer_, function_ == Function::relu, low_, high_);
}

void Activation::evaluate(int batch, const Shape& src_shape, std::span<const double> src,
                          std::span<const std::vector<double>>, std::span<double> dst) const {
  const std::size_t n = static_cast<std::size_t>(batch) * src_shape.size();
  for (std::size_t i = 0; i < n; ++i) {
    const double x = function_ == Function::relu ? std::max(src[i], 0.0) : src[i];
    dst[i] = type_ ? type_->quantize(x) : x;
  }
}

}  // namespace qkd::nn
