// A labelled set as the trainer sees it: views on the caller's arrays, which must outlive it.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace qkd::train {

// Samples (n, features), held in memory, or fetched when they are needed: a set may be larger than the
// memory.
class Samples {
 public:
  // Writes the samples `rows` one after the other to dst, (rows, features).
  using Fetch = std::function<void(std::span<const std::uint32_t> rows, std::span<float> dst)>;

  Samples(std::span<const float> values) : values_(values) {}
  explicit Samples(Fetch fetch) : fetch_(std::move(fetch)) {}

  // dst (rows, features)
  void gather(std::span<const std::uint32_t> rows, std::size_t features, float* dst) const;
  void copy(std::size_t first, std::size_t count, std::size_t features, float* dst) const;

  // Whether there may be so many: what is fetched is counted when it comes.
  bool holds(std::size_t numbers) const { return fetch_ || values_.size() == numbers; }
  std::size_t size() const { return values_.size(); }

 private:
  std::span<const float> values_{};
  Fetch fetch_{};
};

struct Data {
  Samples x;                        // (samples, features)
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
