// The layers in order, the shapes between them, and their parameters.
#pragma once
#include <map>
#include <memory>
#include <mutex>

#include "nn/layer.h"
#include "nn/plan.h"

namespace qkd::nn {

class Graph {
 public:
  // Shapes are checked here, once; the first layer that does not fit is named.
  Graph(Shape input, std::vector<std::shared_ptr<const Layer>> layers);

  const Shape& input() const { return shapes_.front(); }
  const Shape& output() const { return shapes_.back(); }
  const std::vector<std::shared_ptr<const Layer>>& layers() const { return layers_; }
  const Shape& shape(std::size_t layer) const { return shapes_[layer + 1]; }  // of the layer's result

  Params& params() { return params_; }
  const Params& params() const { return params_; }
  // Indices into Params::list of a layer's parameters.
  const std::vector<std::size_t>& params_of(std::size_t layer) const { return params_of_[layer]; }

  // Held by whoever runs plans or changes parameters: a graph does one thing at a time.
  std::mutex& mutex() const { return mutex_; }

  // The plan for a batch size, made at its first use and kept.
  Plan& plan(int batch, bool training);

  // Logits in float64 by the layers' definitions, from quantised parameters in float64: src (batch, input) to
  // dst (batch, output). With a trace, every layer's result is handed to it.
  using Trace = void (*)(void* context, std::size_t layer, std::span<const double> dst);
  void evaluate(int batch, std::span<const double> src, std::span<double> dst, Trace trace = nullptr,
                void* context = nullptr) const;

 private:
  std::vector<std::shared_ptr<const Layer>> layers_;
  std::vector<Shape> shapes_;  // input, then each layer's result
  std::vector<std::vector<std::size_t>> params_of_;
  Params params_;
  std::map<std::pair<int, bool>, std::unique_ptr<Plan>> plans_;

  mutable std::mutex mutex_;

  static Params make_params(const Graph& graph);
};

}  // namespace qkd::nn
