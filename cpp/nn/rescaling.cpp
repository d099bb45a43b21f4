#include "nn/rescaling.h"

#include "base/check.h"

namespace qkd::nn {
namespace {

class RescalingStep final : public Step {
 public:
  RescalingStep(const Binding& binding, const std::vector<float>& scale, const std::vector<float>& offset)
      : b_(binding), scale_(scale), offset_(offset) {}

  void forward() override {
    k_.rescale(b_.batch, static_cast<int>(scale_.size()), b_.src, scale_.data(), offset_.data(), b_.dst);
  }
  // Only the input comes before a rescaling, and inputs do not learn.
  void backward() override {
    require(b_.diff_src == nullptr, "Rescaling", "must come before every layer that learns");
  }

 private:
  const simd::Kernels& k_ = simd::kernels();
  Binding b_;
  std::vector<float> scale_, offset_;
};

}  // namespace

Rescaling::Rescaling(std::string name, std::vector<float> scale, std::vector<float> offset)
    : Layer(std::move(name)), scale_(std::move(scale)), offset_(std::move(offset)) {
  require(offset_.size() == scale_.size(), this->name(),
          "scale and offset must have one element a feature; got ", offset_.size(), " and ", scale_.size());
}

Shape Rescaling::infer(const Shape& src) const {
  require(src.size() == scale_.size(), name(), "scale and offset must have ", src.size(), " elements for ",
          src.text(), "; got ", scale_.size());
  return src;
}

std::unique_ptr<Step> Rescaling::bind(const Binding& binding) const {
  return std::make_unique<RescalingStep>(binding, scale_, offset_);
}

void Rescaling::evaluate(int batch, const Shape& src_shape, std::span<const double> src,
                         std::span<const std::vector<double>>, std::span<double> dst) const {
  const std::size_t n = src_shape.size();
  for (std::size_t i = 0; i < static_cast<std::size_t>(batch) * n; ++i)
    dst[i] = src[i] * static_cast<double>(scale_[i % n]) + static_cast<double>(offset_[i % n]);
}

}  // namespace qkd::nn
