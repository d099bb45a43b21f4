#include "nn/graph.h"

#include <algorithm>
#include <set>

#include "base/check.h"
#include "base/limits.h"
#include "base/threads.h"

namespace qkd::nn {
namespace {

std::vector<Node> chain(const std::vector<std::shared_ptr<const Layer>>& layers) {
  std::vector<Node> nodes;
  for (const auto& layer : layers) nodes.push_back({layer, {static_cast<int>(nodes.size()) - 1}});
  return nodes;
}

}  // namespace

Params Graph::make_params() const {
  std::vector<ParamSpec> specs;
  for (std::size_t i = 0; i < nodes_.size(); ++i)
    for (ParamSpec& spec : nodes_[i].layer->params(source_shapes(i))) specs.push_back(std::move(spec));
  return Params(std::move(specs));
}

Graph::Graph(Shape input, const std::vector<std::shared_ptr<const Layer>>& layers)
    : Graph(std::move(input), chain(layers)) {}

Graph::Graph(Shape input, std::vector<Node> nodes)
    : nodes_(std::move(nodes)), shapes_{std::move(input)}, params_({}) {
  require(!nodes_.empty(), "Graph", "a network needs at least one layer");
  require(shapes_[0].rank() > 0 && shapes_[0].size() > 0, "Graph",
          "every axis of the input must be positive; got ", shapes_[0].text());
  require(shapes_[0].size() <= kMostValues, "Graph", "a sample of at most ", kMostValues,
          " values is required; got ", shapes_[0].text());
  std::set<std::string> names;
  std::size_t next = 0;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const Layer& layer = *nodes_[i].layer;
    require(names.insert(layer.name()).second, layer.name(), "two layers have this name; give one another");
    require(!nodes_[i].sources.empty(), layer.name(), "needs a source");
    for (const int s : nodes_[i].sources)
      require(s >= kInput && s < static_cast<int>(i), layer.name(), "its sources must come before it");
    const Shapes srcs = source_shapes(i);
    shapes_.push_back(layer.infer(srcs));
    std::vector<std::size_t> own(layer.params(srcs).size());
    for (std::size_t& p : own) p = next++;
    params_of_.push_back(std::move(own));
  }
  params_ = make_params();
}

Shapes Graph::source_shapes(std::size_t node) const {
  Shapes shapes;
  for (const int s : nodes_[node].sources) shapes.push_back(shape(s));
  return shapes;
}

double Graph::products() const {
  double sum = 0;
  for (std::size_t i = 0; i < nodes_.size(); ++i) sum += nodes_[i].layer->products(source_shapes(i));
  return sum;
}

int Graph::inference_batch() const {
  constexpr std::size_t kFloats = std::size_t{1} << 24, kMost = 256;
  std::size_t largest = 1;
  for (const Shape& s : shapes_) largest = std::max(largest, s.size());
  return static_cast<int>(std::clamp(kFloats / largest, std::size_t{1}, kMost));
}

Plan& Graph::plan(int batch, bool training) {
  constexpr std::size_t kMost = 8;  // batch sizes of data, of their tails, of predictions
  const auto found = plans_.find({batch, training});
  if (found != plans_.end()) return *found->second;
  if (plans_.size() >= kMost) plans_.clear();
  return *(plans_[{batch, training}] = std::make_unique<Plan>(*this, batch, training));
}

void Graph::evaluate(int batch, std::span<const double> src, std::span<double> dst, const Trace& trace,
                     bool training, Pass pass) const {
  std::vector<std::vector<double>> exact;
  for (std::size_t i = 0; i < params_.list().size(); ++i) exact.push_back(params_.exact(i));
  const auto evaluate_piece = [&](int begin, int count) {
    const auto of_piece = [&](auto all, const Shape& shape) {
      const std::size_t size = shape.size();
      return all.subspan(static_cast<std::size_t>(begin) * size, static_cast<std::size_t>(count) * size);
    };
    const auto input = of_piece(src, shapes_[0]);
    std::vector<std::vector<double>> results{{input.begin(), input.end()}};
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      results.emplace_back(static_cast<std::size_t>(count) * shapes_[i + 1].size());
      Evaluation e{count, source_shapes(i), {}, {}, results.back(), training, pass};
      for (const int s : nodes_[i].sources) e.srcs.emplace_back(results[static_cast<std::size_t>(s + 1)]);
      for (const std::size_t index : params_of_[i]) e.params.emplace_back(exact[index]);
      nodes_[i].layer->evaluate(e);
      if (trace) trace(i, results.back());
    }
    std::ranges::copy(results.back(), of_piece(dst, output()).begin());
  };
  if (trace || training)  // whole tensors are asked for, or a batch's statistics; denormals are as in pieces
    return parallel(1, [&](int) { evaluate_piece(0, batch); });
  // Every result of a piece is alive until its end, on every thread.
  constexpr std::size_t kNumbers = std::size_t{1} << 20, kMost = 64;
  std::size_t a_sample = 1;  // the analyser does not know that shapes are not empty
  for (const Shape& s : shapes_) a_sample += s.size();
  const int most = static_cast<int>(std::clamp(kNumbers / a_sample, std::size_t{1}, kMost));
  parallel(batch / most + (batch % most != 0 ? 1 : 0), [&](int piece) {
    const int begin = piece * most;
    evaluate_piece(begin, std::min(most, batch - begin));
  });
}

}  // namespace qkd::nn
