#include "train/loss.h"

namespace qkd::train {
namespace {

// The first of the largest, as argmax has it; NaN never wins.
int argmax(const float* x, int n) {
  int best = 0;
  for (int j = 1; j < n; ++j)
    if (x[j] > x[best]) best = j;
  return best;
}

}  // namespace

Loss::Loss(int classes, int largest_batch)
    : classes_(classes),
      hard_(static_cast<std::size_t>(classes) * static_cast<std::size_t>(largest_batch)),
      soft_(hard_.size()),
      log_sum_(static_cast<std::size_t>(largest_batch)),
      log_sum_soft_(log_sum_.size()) {}

LossResult Loss::cross_entropy(int batch, const float* logits, const std::int32_t* labels, float* diff) {
  k_.softmax(batch, classes_, logits, 1.0f, hard_.data(), log_sum_.data());
  const float mean = 1.0f / static_cast<float>(batch);
  LossResult result;
  for (int b = 0; b < batch; ++b) {
    const std::ptrdiff_t row = static_cast<std::ptrdiff_t>(b) * classes_;
    const int y = labels[b];
    result.loss += static_cast<double>(log_sum_[static_cast<std::size_t>(b)] - logits[row + y]);
    result.correct += argmax(logits + row, classes_) == y;
    if (!diff) continue;
    for (int j = 0; j < classes_; ++j) diff[row + j] = mean * hard_[static_cast<std::size_t>(row + j)];
    diff[row + y] -= mean;
  }
  return result;
}

LossResult Loss::distill(int batch, const float* logits, const std::int32_t* labels, const float* teacher,
                         const float* entropy, const Distillation& d, float* diff) {
  LossResult result = cross_entropy(batch, logits, labels, diff);
  result.loss *= d.alpha;
  const float inverse = 1.0f / d.temperature;
  k_.softmax(batch, classes_, logits, inverse, soft_.data(), log_sum_soft_.data());

  // d/ds of (1 - alpha) T^2 KL is (1 - alpha) T (p_T(s) - p_T(t)).
  const float mean = (1 - d.alpha) * d.temperature / static_cast<float>(batch);
  const double weight = (1.0 - d.alpha) * d.temperature * d.temperature;
  for (int b = 0; b < batch; ++b) {
    const std::ptrdiff_t row = static_cast<std::ptrdiff_t>(b) * classes_;
    float cross = 0;  // sum p_T(t) s / T, so that KL = entropy - cross + log sum
    for (int j = 0; j < classes_; ++j) cross += teacher[row + j] * (logits[row + j] * inverse);
    result.loss +=
        weight * static_cast<double>(entropy[b] - cross + log_sum_soft_[static_cast<std::size_t>(b)]);
    if (!diff) continue;
    for (int j = 0; j < classes_; ++j)
      diff[row + j] =
          d.alpha * diff[row + j] + mean * (soft_[static_cast<std::size_t>(row + j)] - teacher[row + j]);
  }
  return result;
}

}  // namespace qkd::train
