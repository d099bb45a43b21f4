#include "train/loss.h"

#include "base/check.h"

namespace qkd::train {

Loss::Loss(int classes, int largest_batch, Labels options)
    : options_(std::move(options)),
      classes_(classes),
      scratch_(3 * simd::kLossLanes * static_cast<std::size_t>(classes)),
      loss_(static_cast<std::size_t>(largest_batch)),
      correct_(loss_.size()) {
  const std::vector<float>& weights = options_.class_weights;
  require(weights.empty() || weights.size() == static_cast<std::size_t>(classes), "class_weight",
          "must give ", classes, " weights, one a class; got ", weights.size());
  for (const float w : weights) require(w >= 0, "class_weight", "must not be negative; got ", w);
  require(options_.smoothing >= 0 && options_.smoothing < 1, "label_smoothing",
          "must be at least 0 and below 1; got ", options_.smoothing);
}

LossResult Loss::compute(const simd::SoftmaxLoss& terms) {
  simd::kernels().softmax_loss(terms, loss_.data(), correct_.data());
  LossResult result;
  for (std::size_t i = 0; i < static_cast<std::size_t>(terms.rows); ++i) {
    result.loss += static_cast<double>(loss_[i]);
    result.correct += correct_[i];
  }
  return result;
}

LossResult Loss::cross_entropy(int batch, const float* logits, const std::int32_t* labels, float* diff) {
  return distill(batch, logits, labels, nullptr, nullptr, {1, 1}, diff);
}

LossResult Loss::distill(int batch, const float* logits, const std::int32_t* labels, const float* teacher,
                         const float* entropy, const Distillation& d, float* diff) {
  const std::vector<float>& weights = options_.class_weights;
  return compute({batch, classes_, logits, labels, weights.empty() ? nullptr : weights.data(),
                  options_.smoothing, teacher, entropy, d.alpha, d.temperature, scratch_.data(), diff});
}

LossResult Loss::teach(int batch, const float* logits, const std::int32_t* labels, const float* teacher,
                       const Distillation& d, float* diff) {
  LossResult result = cross_entropy(batch, logits, labels, diff);
  const std::size_t columns = static_cast<std::size_t>(classes_),
                    n = static_cast<std::size_t>(batch) * columns;
  for (std::size_t i = 0; i < n; ++i) diff[i] *= d.alpha;
  const double share = 1 - static_cast<double>(d.alpha);
  TeachingTerm term(d.teaching, classes_, d.temperature);
  double sum = 0;
  for (std::size_t at = 0; at < n; at += columns)
    sum += term.add(logits + at, teacher + at, share / batch, diff + at);
  result.loss = static_cast<double>(d.alpha) * result.loss + share * sum;
  return result;
}

}  // namespace qkd::train
