#include "nn/graph.h"

#include <set>

#include "base/check.h"

namespace qkd::nn {

Params Graph::make_params(const Graph& graph) {
  std::vector<ParamSpec> specs;
  for (std::size_t i = 0; i < graph.layers_.size(); ++i)
    for (ParamSpec& spec : graph.layers_[i]->params(graph.shapes_[i])) specs.push_back(std::move(spec));
  return Params(std::move(specs));
}

Graph::Graph(Shape input, std::vector<std::shared_ptr<const Layer>> layers)
    : layers_(std::move(layers)), shapes_{std::move(input)}, params_({}) {
  require(!layers_.empty(), "Graph", "a network needs at least one layer");
  require(shapes_[0].rank() > 0 && shapes_[0].size() > 0, "Graph",
          "every axis of the input must be positive; got ", shapes_[0].text());
  std::set<std::string> names;
  std::size_t next = 0;
  for (const auto& layer : layers_) {
    require(names.insert(layer->name()).second, layer->name(), "two layers have this name; give one another");
    const Shape src = shapes_.back();
    shapes_.push_back(layer->infer(src));
    std::vector<std::size_t> own(layer->params(src).size());
    for (std::size_t& p : own) p = next++;
    params_of_.push_back(std::move(own));
  }
  params_ = make_params(*this);
}

Plan& Graph::plan(int batch, bool training) {
  auto& plan = plans_[{batch, training}];
  if (!plan) plan = std::make_unique<Plan>(*this, batch, training);
  return *plan;
}

void Graph::evaluate(int batch, std::span<const double> src, std::span<double> dst, Trace trace,
                     void* context) const {
  std::vector<double> current(src.begin(), src.end()), next;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    std::vector<std::vector<double>> values;
    for (const std::size_t index : params_of_[i]) {
      const Param& p = params_.list()[index];
      const auto value = params_.value(p);
      const auto mask = params_.mask(p);
      std::vector<double> v(value.begin(), value.end());
      for (std::size_t j = 0; j < v.size(); ++j)
        v[j] = static_cast<double>(mask[j]) * (p.spec.type ? p.spec.type->quantize(v[j]) : v[j]);
      values.push_back(std::move(v));
    }
    next.assign(static_cast<std::size_t>(batch) * shapes_[i + 1].size(), 0.0);
    layers_[i]->evaluate(batch, shapes_[i], current, values, next);
    if (trace) trace(context, i, next);
    current.swap(next);
  }
  std::copy(current.begin(), current.end(), dst.begin());
}

}  // namespace qkd::nn
