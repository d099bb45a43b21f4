#include "nn/dense.h"

#include "base/check.h"

namespace qkd::nn {
namespace {

class DensePart {
 public:
  explicit DensePart(const Binding& binding)
      : b_(binding), n_(binding.src_shape()[0]), units_(binding.dst_shape[0]) {
    if (b_.diff_src()) b_.scratch->reserve(static_cast<std::size_t>(n_) * static_cast<std::size_t>(units_));
  }

  void forward() {
    const float* bias = b_.biased() ? b_.params[1] : nullptr;
    k_.gemm(b_.batch, units_, n_, b_.src(), n_, 1, b_.params[0], units_, bias, b_.dst, units_);
    if (b_.clip)
      k_.clip(static_cast<std::size_t>(b_.batch) * static_cast<std::size_t>(units_), b_.dst, b_.clip->low,
              b_.clip->high, b_.dst);
  }

  void backward() {
    // d kernel = src^T * diff_dst: the transpose is only another stride.
    k_.gemm(n_, units_, b_.batch, b_.kept_src(), 1, n_, b_.diff_dst, units_, nullptr, b_.gradients[0],
            units_);
    if (b_.biased()) bias_gradient(b_, b_.batch, units_);
    if (!b_.diff_src()) return;
    float* transposed = b_.scratch->data();
    k_.transpose(n_, units_, b_.params[0], transposed);
    k_.gemm(b_.batch, n_, units_, b_.diff_dst, units_, 1, transposed, n_, nullptr, b_.diff_src(), n_);
  }

 private:
  const simd::Kernels& k_ = simd::kernels();
  Binding b_;
  int n_, units_;
};

}  // namespace

Dense::Dense(std::string name, Options options) : Layer(std::move(name)), options_(std::move(options)) {
  require(options_.units > 0, this->name(), "units must be positive; got ", options_.units);
}

Shape Dense::infer(const Shapes& srcs) const {
  const Shape& src = only(srcs);
  require(src.rank() >= 1, name(), "Dense needs a source with an axis");
  std::vector<int> sizes = src.sizes();
  sizes.back() = options_.units;
  return Shape(sizes);
}

std::vector<ParamSpec> Dense::params(const Shapes& srcs) const {
  const Shape& src = srcs[0];
  ParamSpec kernel = options_.kernel;
  kernel.name = name() + "/kernel";
  kernel.shape = {src[src.rank() - 1], options_.units};
  kernel.prunable = true;
  std::vector<ParamSpec> specs{std::move(kernel)};
  if (options_.use_bias) {
    specs.push_back(options_.bias);
    specs.back().name = name() + "/bias";
    specs.back().shape = {options_.units};
  }
  return specs;
}

double Dense::products(const Shapes& srcs) const {
  return static_cast<double>(srcs[0].size()) * options_.units;
}

std::unique_ptr<Step> Dense::bind(std::span<const Binding> shards) const { return bind_dense(shards); }

std::unique_ptr<Step> bind_dense(std::span<const Binding> shards) {
  std::vector<Binding> rows(shards.begin(), shards.end());
  for (Binding& b : rows) {  // all axes but the last count as samples
    const int n = b.src_shape()[b.src_shape().rank() - 1];
    b.batch *= static_cast<int>(b.src_shape().size()) / n;
    b.srcs[0].shape = {n};
    b.dst_shape = {b.dst_shape[b.dst_shape.rank() - 1]};
  }
  const double products = 1.0 * rows[0].batch * rows[0].src_shape()[0] * rows[0].dst_shape[0];
  return products < kOneDnnFrom ? bind_dense_simd(rows) : bind_dense_onednn(rows);
}

void Dense::evaluate(const Evaluation& e) const {
  const auto n = static_cast<std::size_t>(e.shape()[e.shape().rank() - 1]),
             units = static_cast<std::size_t>(options_.units);
  for (std::size_t b = 0; b < e.src().size() / n; ++b) {
    double* sums = &e.dst[b * units];
    for (std::size_t o = 0; o < units; ++o) sums[o] = e.params.size() > 1 ? e.params[1][o] : 0.0;
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t o = 0; o < units; ++o) sums[o] += e.src()[b * n + i] * e.params[0][i * units + o];
  }
}

std::unique_ptr<Step> bind_dense_simd(std::span<const Binding> shards) {
  return std::make_unique<Shards<DensePart>>(shards);
}

}  // namespace qkd::nn
