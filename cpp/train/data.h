// A labelled set as the trainer sees it: views on the caller's arrays, which must outlive it.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace qkd::train {

struct Data {
  std::span<const float> x;         // (samples, features)
  std::span<const std::int32_t> y;  // (samples,)
  std::span<const float>
      teacher;  // (samples, classes) logits, then what hints compare; empty without a teacher

  std::size_t samples() const { return y.size(); }
};

// A teacher is frozen: its tempered probabilities and their entropy are computed once, before the first step.
struct SoftTargets {
  std::vector<float> probabilities;  // (samples, classes)
  std::vector<float> entropy;        // (samples,): sum p log p
};
SoftTargets soft_targets(std::span<const float> logits, int classes, float temperature);

}  // namespace qkd::train
