#include "nn/plan.h"

#include "base/check.h"
#include "nn/graph.h"

namespace qkd::nn {

Plan::Plan(Graph& graph, int batch, bool training) : batch_(batch) {
  require(batch > 0, "Plan", "a batch must hold at least one sample; got ", batch);
  const auto& layers = graph.layers();
  const int n = static_cast<int>(layers.size());
  const auto floats = [&](const Shape& shape) { return static_cast<std::size_t>(batch) * shape.size(); };
  const auto layer_shape = [&](int i) -> const Shape& {
    return i < 0 ? graph.input() : graph.shape(static_cast<std::size_t>(i));
  };

  while (first_trained_ < layers.size() && graph.params_of(first_trained_).empty()) ++first_trained_;

  // Time: layer i runs forward at i and backward at 2n - 1 - i. The loss reads the logits and writes their
  // gradient between n - 1 and n. A result is alive until its reader's backward; without training, until its
  // reader ran.
  std::vector<Arena::Handle> dst, diff;  // index i + 1 is layer i's; index 0 is the input's
  for (int i = -1; i < n; ++i) {
    const int reader = i + 1;
    const int last = training ? (reader < n ? 2 * n - 1 - reader : n) : reader;
    dst.push_back(arena_.reserve(floats(layer_shape(i)), i, last));
  }
  if (training)
    for (int i = -1; i < n; ++i)
      diff.push_back(arena_.reserve(floats(layer_shape(i)), 2 * n - 2 - i, 2 * n - 1 - i));
  arena_.allocate();
  src_ = dst.front();
  dst_ = dst.back();
  if (training) diff_dst_ = diff.back();

  for (std::size_t i = 0; i < layers.size(); ++i) {
    Binding b{batch, layer_shape(static_cast<int>(i) - 1), layer_shape(static_cast<int>(i)),
              arena_.at(dst[i]), arena_.at(dst[i + 1])};
    if (training) {
      b.diff_dst = arena_.at(diff[i + 1]);
      if (i > first_trained_) b.diff_src = arena_.at(diff[i]);
    }
    for (const std::size_t p : graph.params_of(i)) {
      b.params.push_back(graph.params().effective(p));
      b.gradients.push_back(graph.params().gradient_at(p));
    }
    steps_.push_back(layers[i]->bind(b));
  }
}

void Plan::forward() {
  for (const auto& step : steps_) step->forward();
}

void Plan::backward() {
  for (std::size_t i = steps_.size(); i > first_trained_; --i) steps_[i - 1]->backward();
}

}  // namespace qkd::nn
