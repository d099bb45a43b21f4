#include "train/data.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/simd/kernels.h"

namespace qkd::train {

void Samples::gather(std::span<const std::uint32_t> rows, std::size_t features, float* dst) const {
  if (fetch_) return fetch_(rows, {dst, rows.size() * features});
  simd::kernels().gather(static_cast<int>(rows.size()), rows.data(), static_cast<int>(features),
                         values_.data(), dst);
}

void Samples::copy(std::size_t first, std::size_t count, std::size_t features, float* dst) const {
  if (!fetch_) {
    std::copy_n(values_.data() + first * features, count * features, dst);
    return;
  }
  std::vector<std::uint32_t> rows(count);
  std::iota(rows.begin(), rows.end(), static_cast<std::uint32_t>(first));
  fetch_(rows, {dst, count * features});
}

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
