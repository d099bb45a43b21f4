// A directed graph of layers, in an order in which every source comes before its readers; the shapes between
// them, and their parameters.
#pragma once
#include <map>
#include <memory>

#include "base/process_mutex.h"
#include "nn/layer.h"
#include "nn/plan.h"

namespace qkd::nn {

// A layer at its place: its sources are earlier nodes, or kInput.
struct Node {
  std::shared_ptr<const Layer> layer;
  std::vector<int> sources;
};
inline constexpr int kInput = -1;

class Graph {
 public:
  // Shapes are checked here, once; the first layer that does not fit is named. The last node's result is the
  // graph's.
  Graph(Shape input, std::vector<Node> nodes);
  // A chain.
  Graph(Shape input, const std::vector<std::shared_ptr<const Layer>>& layers);

  const Shape& input() const { return shapes_.front(); }
  const Shape& output() const { return shapes_.back(); }
  const std::vector<Node>& nodes() const { return nodes_; }
  const Shape& shape(int node) const { return shapes_[static_cast<std::size_t>(node + 1)]; }  // of its result
  Shapes source_shapes(std::size_t node) const;

  Params& params() { return params_; }
  const Params& params() const { return params_; }
  // Indices into Params::list of a node's parameters.
  const std::vector<std::size_t>& params_of(std::size_t node) const { return params_of_[node]; }

  double products() const;      // multiplications a sample, of one forward pass
  int inference_batch() const;  // samples at a time, so that few megabytes are alive

  // Held by whoever runs plans or changes parameters: a graph does one thing at a time.
  ProcessMutex& mutex() const { return mutex_; }

  // The plan for a batch size, made at its first use and kept.
  Plan& plan(int batch, bool training);

  // Logits in float64 by the layers' definitions, from quantised parameters in float64: src (batch, input) to
  // dst (batch, output). With a trace, every node's result is handed to it. `training` takes a batch's own
  // statistics where layers have such, and the key's noise.
  using Trace = std::function<void(std::size_t node, std::span<const double> dst)>;
  void evaluate(int batch, std::span<const double> src, std::span<double> dst, const Trace& trace = {},
                bool training = false, Pass pass = {}) const;

 private:
  std::vector<Node> nodes_;
  std::vector<Shape> shapes_;  // input, then each node's result
  std::vector<std::vector<std::size_t>> params_of_;
  Params params_;
  std::map<std::pair<int, bool>, std::unique_ptr<Plan>> plans_;

  mutable ProcessMutex mutex_;

  Params make_params() const;
};

}  // namespace qkd::nn
