// Whole epochs: shuffle, gather, forward, loss, backward, optimiser, masks. What happens between epochs
// (early stopping, learning-rate schedules) is the caller's policy.
#pragma once
#include <functional>
#include <optional>

#include "base/key.h"
#include "nn/graph.h"
#include "train/augment.h"
#include "train/data.h"
#include "train/loss.h"
#include "train/optimizer.h"
#include "train/pruning.h"

namespace qkd::train {

struct Metrics {
  double loss, accuracy;  // means over the samples
};

class Trainer {
 public:
  struct Options {
    int batch_size = 32;
    std::optional<Distillation> distillation;  // needs Data::teacher
    std::vector<PruneRule> pruning;
    Key key{0};                   // of the shuffles
    std::int64_t first_step = 0;  // of the pruning schedule: where an earlier training ended
    Labels labels{};
    Augmentation augmentation{};
    // The graph's outputs are the logits, then the numbers of each hint in turn; so are a teacher's columns.
    std::vector<Hint> hints{};
  };

  Trainer(nn::Graph& graph, std::unique_ptr<Optimizer> optimizer, Data data, const Options& options);

  // Trains on every sample once, in an order that is a function of the key and the epoch alone.
  // learning_rates has one number a step, or one for all. `stop` is asked now and then; when it says yes the
  // epoch is cut short.
  Metrics epoch(int index, std::span<const float> learning_rates, const std::function<bool()>& stop);

  // The samples in the order in which an epoch learns them.
  std::vector<std::uint32_t> order(int index) const;

  std::int64_t steps() const { return step_; }
  const Optimizer& optimizer() const { return *optimizer_; }
  // What a bit of a weight costs in the loss: `weight` times `widths`, the bits of what each parameter
  // tensor's numbers are multiplied with (0: they cost nothing). For kernels whose bits are learned.
  void set_bit_costs(double weight, const std::vector<double>& widths);
  void set_optimizer_state(const Optimizer::State& state) { optimizer_->set_state(graph_.params(), state); }

 private:
  void prune_if_due();
  LossResult compare(nn::Plan& plan, std::span<const std::uint32_t> rows);
  LossResult learn(int batch, const float* logits, std::span<const std::uint32_t> rows, float* diff);
  LossResult step(std::span<const std::uint32_t> rows, float learning_rate, Key key);

  nn::Graph& graph_;
  std::unique_ptr<Optimizer> optimizer_;
  Data data_;
  Options options_;
  std::size_t classes_;
  SoftTargets targets_;
  std::vector<float> teacher_logits_;  // (samples, classes), where the loss needs them
  std::vector<double> bit_costs_;
  std::int64_t step_;
  Loss loss_;
  std::vector<std::int32_t> labels_;
  std::vector<float> teacher_, entropy_, logits_, diff_;  // one batch's
};

// Mean cross-entropy and accuracy of a graph on a labelled set.
Metrics evaluate(nn::Graph& graph, const Data& data);

// Logits of many samples: x (samples, input) to dst (samples, output).
void predict(nn::Graph& graph, const Samples& x, std::span<float> dst);

}  // namespace qkd::train
