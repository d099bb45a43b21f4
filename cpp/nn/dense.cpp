#include "nn/dense.h"

#include "base/check.h"

namespace qkd::nn {
namespace {

class DenseStep final : public Step {
 public:
  explicit DenseStep(const Binding& binding)
      : b_(binding),
        n_(binding.src_shape[0]),
        units_(binding.dst_shape[0]),
        transposed_(binding.diff_src ? static_cast<std::size_t>(n_) * static_cast<std::size_t>(units_) : 0) {}

  void forward() override {
    const float* bias = b_.params.size() > 1 ? b_.params[1] : nullptr;
    k_.gemm(b_.batch, units_, n_, b_.src, n_, 1, b_.params[0], units_, bias, b_.dst, units_);
  }

  void backward() override {
    // d kernel = src^T * diff_dst: the transpose is only another stride.
    k_.gemm(n_, units_, b_.batch, b_.src, 1, n_, b_.diff_dst, units_, nullptr, b_.gradients[0], units_);
    if (b_.gradients.size() > 1) k_.column_sums(b_.batch, units_, b_.diff_dst, b_.gradients[1]);
    if (!b_.diff_src) return;
    k_.transpose(n_, units_, b_.params[0], transposed_.data());
    k_.gemm(b_.batch, n_, units_, b_.diff_dst, units_, 1, transposed_.data(), n_, nullptr, b_.diff_src, n_);
  }

 private:
  const simd::Kernels& k_ = simd::kernels();
  Binding b_;
  int n_, units_;
  Buffer<float> transposed_;
};

}  // namespace

Dense::Dense(std::string name, const Options& options) : Layer(std::move(name)), options_(options) {
  require(options_.units > 0, this->name(), "units must be positive; got ", options_.units);
}

Shape Dense::infer(const Shape& src) const {
  require(src.rank() == 1, name(), "Dense takes a vector (n,) per sample; got ", src.text(),
          ". Put a Flatten before it");
  return {options_.units};
}

std::vector<ParamSpec> Dense::params(const Shape& src) const {
  std::vector<ParamSpec> specs{
      {name() + "/kernel", {src[0], options_.units}, options_.initializer, options_.kernel_type, true}};
  if (options_.use_bias)
    specs.push_back({name() + "/bias", {options_.units}, Initializer::zeros, options_.bias_type, false});
  return specs;
}

std::unique_ptr<Step> Dense::bind(const Binding& binding) const {
  const double products = 1.0 * binding.batch * binding.src_shape[0] * binding.dst_shape[0];
  return products < kOneDnnFrom ? bind_dense_simd(binding) : bind_dense_onednn(binding);
}

void Dense::evaluate(int batch, const Shape& src_shape, std::span<const double> src,
                     std::span<const std::vector<double>> params, std::span<double> dst) const {
  const auto n = static_cast<std::size_t>(src_shape[0]), units = static_cast<std::size_t>(options_.units);
  for (std::size_t b = 0; b < static_cast<std::size_t>(batch); ++b)
    for (std::size_t o = 0; o < units; ++o) {
      double sum = params.size() > 1 ? params[1][o] : 0.0;
      for (std::size_t i = 0; i < n; ++i) sum += src[b * n + i] * params[0][i * units + o];
      dst[b * units + o] = sum;
    }
}

std::unique_ptr<Step> bind_dense_simd(const Binding& binding) { return std::make_unique<DenseStep>(binding); }

}  // namespace qkd::nn
