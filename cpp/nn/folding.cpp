#include "nn/folding.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace qkd::nn {
namespace {

using Options = FoldedBatchNormalization::Options;
using Folding = FoldedBatchNormalization::Folding;

// Quantisers see float32, as in training everywhere.
std::vector<double> quantized(const ParamSpec& spec, std::vector<double> values) {
  if (!spec.scaled && !spec.type) return values;
  std::vector<float> src(values.size()), dst(values.size());
  std::ranges::transform(values, src.begin(), [](double v) { return static_cast<float>(v); });
  if (spec.scaled) {
    spec.scaled->quantize(spec.shape, src, dst);
    return {dst.begin(), dst.end()};
  }
  std::ranges::transform(src, values.begin(),
                         [&](float v) { return spec.type->quantize(static_cast<double>(v)); });
  return values;
}

}  // namespace

Folded fold(const Options& o, const ParamSpec& kernel, const Unfolded& n, const Statistics& moving,
            const Statistics* batch) {
  const std::size_t channels = moving.mean.size();
  require(channels > 0, "fold", "needs a channel");
  const double epsilon = static_cast<double>(o.epsilon);
  Folded f;
  f.with = batch ? *batch : moving;
  f.kernel_variance = batch && o.folding == Folding::batch_stats ? batch->variance : moving.variance;
  std::vector<double> bias, folded = n.kernel;
  for (std::size_t c = 0; c < channels; ++c) {
    const double gamma = Unfolded::at(n.gamma, c, 1), of_bias = std::sqrt(f.with.variance[c] + epsilon),
                 of_kernel = std::sqrt(f.kernel_variance[c] + epsilon);
    f.kernel_slope.push_back(gamma / of_kernel);
    f.bias_slope.push_back(gamma / of_bias);
    f.correction.push_back(of_kernel / of_bias);
    bias.push_back(f.bias_slope[c] * (Unfolded::at(n.bias, c, 0) - f.with.mean[c]) +
                   Unfolded::at(n.beta, c, 0));
  }
  for (std::size_t i = 0; i < folded.size(); ++i) folded[i] *= f.kernel_slope[i % channels];
  f.kernel = quantized(kernel, std::move(folded));
  for (std::size_t i = 0; i < f.kernel.size(); ++i)
    if (n.kernel[i] == 0) f.kernel[i] = 0;  // a pruned weight stays zero, also where a quantiser has no zero
  f.bias = quantized(o.bias, std::move(bias));
  return f;
}

bool follows(const Options& o, double steps) { return o.freeze_delay < 0 || steps - 1 <= o.freeze_delay; }

double followed(double past, double now, float momentum) {
  return static_cast<double>(momentum) * past + (1 - static_cast<double>(momentum)) * now;
}

Gradients unfold(const Options& o, const Folded& f, const Unfolded& n, const std::vector<double>& diff_kernel,
                 const std::vector<double>& diff_bias, double count) {
  const std::size_t channels = diff_bias.size();
  require(channels > 0, "unfold", "needs a channel");
  const double epsilon = static_cast<double>(o.epsilon);
  const std::vector<double> zeros(channels);
  Gradients g{diff_kernel, zeros, zeros, diff_bias, zeros, zeros};
  std::vector<double> by_kernel = zeros, by_correction = zeros;  // d loss / d kernel_slope, d correction
  for (std::size_t i = 0; i < diff_kernel.size(); ++i) {
    const std::size_t c = i % channels;
    by_correction[c] += diff_kernel[i] * f.kernel[i];
    by_kernel[c] += diff_kernel[i] * f.correction[c] * n.kernel[i];
    g.kernel[i] *= f.correction[c] * f.kernel_slope[c];
  }
  for (std::size_t c = 0; c < channels; ++c) {
    const double gamma = Unfolded::at(n.gamma, c, 1), of_kernel = std::sqrt(f.kernel_variance[c] + epsilon),
                 inverse = 1 / std::sqrt(f.with.variance[c] + epsilon), bias = Unfolded::at(n.bias, c, 0),
                 by_bias = diff_bias[c] * (bias - f.with.mean[c]);  // d loss / d bias_slope
    g.gamma[c] = by_kernel[c] / of_kernel + by_bias * inverse;
    if (count == 0) {
      g.bias[c] = diff_bias[c] * f.bias_slope[c];
      continue;  // where the mean is the batch's, the bias cancels out
    }
    const bool by_batch = o.folding == Folding::batch_stats;
    const double of_inverse =
                     by_bias * gamma + (by_batch ? by_kernel[c] * gamma : by_correction[c] * of_kernel),
                 of_variance = -0.5 * inverse * inverse * inverse * of_inverse,
                 of_mean = -diff_bias[c] * f.bias_slope[c];
    g.slope[c] = 2 * of_variance / count;
    g.offset[c] = of_mean / count - g.slope[c] * (f.with.mean[c] - bias);
  }
  return g;
}

}  // namespace qkd::nn
