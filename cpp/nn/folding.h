// The arithmetic of a batch normalisation that is folded into a kernel: see folded_batch_normalization.h.
#pragma once
#include "nn/folded_batch_normalization.h"

namespace qkd::nn {

struct Statistics {
  std::vector<double> mean, variance;  // (channels,)
};

// What is folded; empty where there is none. The kernel's last axis counts channels, or its last two do.
struct Unfolded {
  std::vector<double> kernel, bias, gamma, beta;

  static double at(const std::vector<double>& values, std::size_t i, double otherwise) {
    return values.empty() ? otherwise : values[i];
  }
};

// The folded numbers and what they were made of, channel by channel.
struct Folded {
  std::vector<double> kernel, bias;              // quantised; the kernel without its correction
  std::vector<double> kernel_slope, bias_slope;  // gamma / sqrt(variance + epsilon) of either
  std::vector<double> correction;                // of the products
  Statistics with;                               // what the bias is folded with
  std::vector<double> kernel_variance;           // what the kernel is
};

// `batch` is null where the moving statistics are all there is.
Folded fold(const FoldedBatchNormalization::Options& o, const ParamSpec& kernel, const Unfolded& n,
            const Statistics& moving, const Statistics* batch);

// Whether a step follows its batch, after so many others: QKeras counts them from -1.
bool follows(const FoldedBatchNormalization::Options& o, double steps);

// A moving average's next value.
double followed(double past, double now, float momentum);

// The gradients of a folded layer's numbers, in float64, from those of what it computes with.
struct Gradients {
  std::vector<double> kernel, bias, gamma, beta;
  // d loss / d (src * kernel) = slope * (src * kernel) + offset, channel by channel, through mean and
  // variance.
  std::vector<double> slope, offset;
};

// diff_kernel and diff_bias are d loss / d (f.kernel * f.correction) and d f.bias; `count` numbers a channel
// made the statistics, 0 where the batch has no part in them.
Gradients unfold(const FoldedBatchNormalization::Options& o, const Folded& f, const Unfolded& n,
                 const std::vector<double>& diff_kernel, const std::vector<double>& diff_bias, double count);

}  // namespace qkd::nn
