// Losses on logits, averaged over the batch.
//
// Notation: s = student logits, t = teacher logits, y = label, p_T(x) = softmax(x / T).
//   cross-entropy  CE = -log p_1(s)[y]
//   distillation   alpha * CE + (1 - alpha) * T^2 * KL(p_T(t) || p_T(s))      Hinton et al. 2015, section 2.1
// The factor T^2 keeps the two gradients of one size. Both softmaxes are of logits: the published code of the
// letter applies them to probabilities, which leaves almost nothing to learn from.
#pragma once
#include <cstdint>
#include <vector>

#include "base/simd/kernels.h"

namespace qkd::train {

struct LossResult {
  double loss = 0;  // summed over the samples
  int correct = 0;  // samples whose largest logit is the label's
};

struct Distillation {
  float alpha;
  float temperature;
};

class Loss {
 public:
  Loss(int classes, int largest_batch);

  // diff may be null where only the value is wanted. It receives d (mean loss) / d logits, (batch, classes).
  LossResult cross_entropy(int batch, const float* logits, const std::int32_t* labels, float* diff);

  // teacher (batch, classes) = p_T(t), entropy (batch) = sum p_T(t) log p_T(t), both made once per dataset.
  LossResult distill(int batch, const float* logits, const std::int32_t* labels, const float* teacher,
                     const float* entropy, const Distillation& d, float* diff);

 private:
  const simd::Kernels& k_ = simd::kernels();
  int classes_;
  std::vector<float> hard_, soft_, log_sum_, log_sum_soft_;
};

}  // namespace qkd::train
