#include "train/data.h"

#include <algorithm>
#include <cmath>

#include "base/simd/kernels.h"

namespace qkd::train {

SoftTargets soft_targets(std::span<const float> logits, int classes, float temperature) {
  const std::size_t columns = static_cast<std::size_t>(classes), rows = logits.size() / columns;
  SoftTargets t{std::vector<float>(logits.size()), std::vector<float>(rows)};
  std::vector<float> log_sum(rows);
  const float inverse = 1.0f / temperature;
  simd::kernels().softmax(static_cast<int>(rows), classes, logits.data(), inverse, t.probabilities.data(),
                          log_sum.data());
  for (std::size_t i = 0; i < rows; ++i) {
    double sum = 0;  // log p = x / T - log sum
    for (std::size_t j = i * columns; j < (i + 1) * columns; ++j)
      sum += static_cast<double>(t.probabilities[j]) * static_cast<double>(logits[j] * inverse - log_sum[i]);
    t.entropy[i] = static_cast<float>(sum);
  }
  return t;
}

}  // namespace qkd::train
