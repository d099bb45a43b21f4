// Losses on logits, averaged over the batch.
//
// Notation: s = student logits, t = teacher logits, y = label, p_T(x) = softmax(x / T), n = classes.
//   cross-entropy  CE = -sum_j target_j log p_1(s)[j],  target = (1 - smoothing) [j = y] + smoothing / n,
//                  times the weight of class y                                      Szegedy et al. 2016,
//                  section 7
//   distillation   alpha * CE + (1 - alpha) * T^2 * KL(p_T(t) || p_T(s))            Hinton et al. 2015,
//   section 2.1
// The factor T^2 keeps the two gradients of one size. Both softmaxes are of logits: the published code of the
// letter applies them to probabilities, which leaves almost nothing to learn from. Other terms in place of
// T^2 * KL: train/teaching.h.
#pragma once
#include <cstdint>
#include <vector>

#include "base/simd/kernels.h"
#include "train/teaching.h"

namespace qkd::train {

struct LossResult {
  double loss = 0;  // summed over the samples
  int correct = 0;  // samples whose largest logit is the label's
};

struct Distillation {
  float alpha;
  float temperature;
  Teaching teaching = Teaching::logits;
};

// How labels count.
struct Labels {
  std::vector<float> class_weights{};  // (classes,), or empty where all weigh one
  float smoothing = 0;
};

class Loss {
 public:
  Loss(int classes, int largest_batch, Labels options = {});

  // diff may be null where only the value is wanted. It receives d (mean loss) / d logits, (batch, classes).
  LossResult cross_entropy(int batch, const float* logits, const std::int32_t* labels, float* diff);

  // teacher (batch, classes) = p_T(t), entropy (batch) = sum p_T(t) log p_T(t), both made once per dataset.
  LossResult distill(int batch, const float* logits, const std::int32_t* labels, const float* teacher,
                     const float* entropy, const Distillation& d, float* diff);

  // alpha * CE + (1 - alpha) * another term; teacher (batch, classes) are logits.
  LossResult teach(int batch, const float* logits, const std::int32_t* labels, const float* teacher,
                   const Distillation& d, float* diff);

 private:
  LossResult compute(const simd::SoftmaxLoss& terms);

  Labels options_;
  int classes_;
  std::vector<float> scratch_, loss_;
  std::vector<std::int32_t> correct_;
};

}  // namespace qkd::train
