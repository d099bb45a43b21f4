#include "nn/rescaling.h"

#include "base/check.h"

namespace qkd::nn {
namespace {

class RescalingPart {
 public:
  RescalingPart(const Binding& binding, const std::vector<float>& scale, const std::vector<float>& offset)
      : b_(binding), scale_(scale), offset_(offset), none_(scale.size()) {
    columns_ = static_cast<int>(scale.size());
    rows_ = b_.batch * (static_cast<int>(b_.src_shape().size()) / columns_);
  }

  void forward() { k_.rescale(rows_, columns_, b_.src(), scale_.data(), offset_.data(), b_.dst); }
  void backward() {
    if (b_.diff_src()) k_.rescale(rows_, columns_, b_.diff_dst, scale_.data(), none_.data(), b_.diff_src());
  }

 private:
  const simd::Kernels& k_ = simd::kernels();
  Binding b_;
  int rows_ = 0, columns_ = 0;
  std::vector<float> scale_, offset_, none_;
};

}  // namespace

Rescaling::Rescaling(std::string name, std::vector<float> scale, std::vector<float> offset)
    : Layer(std::move(name)), scale_(std::move(scale)), offset_(std::move(offset)) {
  require(offset_.size() == scale_.size() && !scale_.empty(), this->name(),
          "scale and offset must have one element a feature; got ", scale_.size(), " and ", offset_.size());
}

Shape Rescaling::infer(const Shapes& srcs) const {
  const Shape& src = only(srcs);
  const auto channels = static_cast<std::size_t>(src[src.rank() - 1]);
  require(scale_.size() == src.size() || scale_.size() == channels, name(), "scale and offset must have ",
          channels, " or ", src.size(), " elements for ", src.text(), "; got ", scale_.size());
  return src;
}

std::unique_ptr<Step> Rescaling::bind(std::span<const Binding> shards) const {
  return std::make_unique<Shards<RescalingPart>>(shards, scale_, offset_);
}

void Rescaling::evaluate(const Evaluation& e) const {
  const std::size_t n = scale_.size();
  for (std::size_t i = 0; i < e.dst.size(); ++i)
    e.dst[i] = e.src()[i] * static_cast<double>(scale_[i % n]) + static_cast<double>(offset_[i % n]);
}

}  // namespace qkd::nn
