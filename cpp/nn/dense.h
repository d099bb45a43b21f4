// Fully connected: dst (batch, units) = src (batch, n) * kernel (n, units) + bias (units).
#pragma once
#include <optional>

#include "nn/layer.h"

namespace qkd::nn {

class Dense final : public Layer {
 public:
  struct Options {
    int units;
    bool use_bias = true;
    Initializer initializer = Initializer::glorot_uniform;
    std::optional<FixedPoint> kernel_type, bias_type;
  };
  Dense(std::string name, const Options& options);

  Shape infer(const Shape& src) const override;
  std::vector<ParamSpec> params(const Shape& src) const override;
  std::unique_ptr<Step> bind(const Binding& binding) const override;
  void evaluate(int batch, const Shape& src_shape, std::span<const double> src,
                std::span<const std::vector<double>> params, std::span<double> dst) const override;

 private:
  Options options_;
};

// From this many multiplications a batch on, oneDNN's matmul takes over: it blocks for the caches and uses
// threads. Below, its 1 us a call and its thread start cost more than they bring; both are equally fast near
// 256^3.
inline constexpr double kOneDnnFrom = 1.6e7;

// The two ways to compute it; bind chooses. bias may be absent: params then holds the kernel alone.
std::unique_ptr<Step> bind_dense_simd(const Binding& binding);
std::unique_ptr<Step> bind_dense_onednn(const Binding& binding);

}  // namespace qkd::nn
