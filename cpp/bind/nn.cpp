#include <limits>

#include "bind/arrays.h"
#include "bind/module.h"
#include "bind/samples.h"
#include "nn/graph.h"
#include "train/trainer.h"

namespace qkd::bind {
namespace {

using nn::Graph;
using nn::Layer;

std::vector<py::ssize_t> batch_shape(py::ssize_t batch, const Shape& shape) {
  std::vector<py::ssize_t> out{batch};
  for (const int s : shape.sizes()) out.push_back(s);
  return out;
}

py::ssize_t samples_of(const py::array& x, const Shape& shape, const char* name) {
  const auto wanted = batch_shape(x.ndim() > 0 ? x.shape(0) : 0, shape);
  const bool same = std::equal(wanted.begin(), wanted.end(), x.shape(), x.shape() + x.ndim());
  require(same, name, "must be (samples, ", shape.text().substr(1), "; got ",
          std::string(py::str(x.attr("shape"))));
  return x.shape(0);
}

const nn::Param& param_at(const Graph& graph, std::size_t index) {
  require(index < graph.params().list().size(), "Graph", "there are ", graph.params().list().size(),
          " parameter tensors; got index ", index);
  return graph.params().list()[index];
}

// A transposed tensor has as many numbers, and another meaning.
void need_shape(const py::array& array, const nn::Param& p) {
  const std::vector<int>& sizes = p.spec.shape.sizes();
  const bool same = std::equal(sizes.begin(), sizes.end(), array.shape(), array.shape() + array.ndim());
  require(same, p.spec.name, "must be ", p.spec.shape.text(), "; got ",
          std::string(py::str(array.attr("shape"))));
}

// A copy of a tensor that nobody moves meanwhile.
Array<float> shaped(const Graph& graph, std::span<const float> values, const Shape& shape) {
  auto sizes = batch_shape(0, shape);
  sizes.erase(sizes.begin());
  Array<float> out(sizes);
  float* dst = out.mutable_data();
  const Exclusive exclusive(graph);
  std::ranges::copy(values, dst);
  return out;
}

int to_batch(py::ssize_t samples) {
  require(samples <= std::numeric_limits<int>::max(), "evaluate", "takes at most 2^31 - 1 samples; got ",
          samples);
  return static_cast<int>(samples);
}

py::array_t<double> evaluate(const Graph& graph, const Array<double>& x) {
  const py::ssize_t n = samples_of(x, graph.input(), "x");
  Array<double> out(batch_shape(n, graph.output()));
  const auto src = view<double>(x, "x");
  std::span<double> dst(out.mutable_data(), static_cast<std::size_t>(out.size()));
  const Exclusive exclusive(graph);
  graph.evaluate(to_batch(n), src, dst);
  return out;
}

std::vector<py::array_t<double>> trace(const Graph& graph, const Array<double>& x) {
  const py::ssize_t n = samples_of(x, graph.input(), "x");
  const auto src = view<double>(x, "x");
  std::vector<std::vector<double>> results;
  std::vector<double> logits(static_cast<std::size_t>(n) * graph.output().size());
  const auto keep = [&](std::size_t, std::span<const double> dst) {
    results.emplace_back(dst.begin(), dst.end());
  };
  {
    const Exclusive exclusive(graph);
    graph.evaluate(to_batch(n), src, logits, keep);
  }
  std::vector<py::array_t<double>> out;
  out.reserve(results.size());
  for (std::size_t i = 0; i < results.size(); ++i)
    out.emplace_back(to_array<double>(results[i], batch_shape(n, graph.shape(static_cast<int>(i)))));
  return out;
}

}  // namespace

void nn(py::module_& m) {
  py::class_<Graph>(m, "Graph", "Layers in order, with their parameters in flat blocks.")
      .def(py::init([](std::vector<int> input,
                       const std::vector<std::pair<std::shared_ptr<Layer>, std::vector<int>>>& nodes) {
             std::vector<qkd::nn::Node> made;
             for (const auto& [layer, sources] : nodes) made.push_back({layer, sources});
             return std::make_unique<Graph>(Shape(std::move(input)), std::move(made));
           }),
           py::arg("input_shape"), py::arg("nodes"),
           "Each node is (layer, sources): places of earlier nodes in the list, or -1 for the input.")
      .def_property_readonly("input_shape",
                             [](const Graph& g) { return py::tuple(py::cast(g.input().sizes())); })
      .def_property_readonly("output_shape",
                             [](const Graph& g) { return py::tuple(py::cast(g.output().sizes())); })
      .def(
          "node_shape",
          [](const Graph& g, int i) {
            require(i >= -1 && i < static_cast<int>(g.nodes().size()), "Graph", "has no node ", i);
            return py::tuple(py::cast(g.shape(i).sizes()));
          },
          py::arg("node"), "The shape of a node's result; of the input for -1.")
      .def(
          "node_params",
          [](const Graph& g, std::size_t i) {
            require(i < g.nodes().size(), "Graph", "has no node ", i);
            return g.params_of(i);
          },
          py::arg("node"), "Indices of a node's parameter tensors.")
      .def_property_readonly("products", &Graph::products, "Multiplications of one sample's forward pass.")
      .def(
          "effective",
          [](const Graph& g, std::size_t i) {
            const auto& p = param_at(g, i);
            return shaped(g, {g.params().effective(i), p.size}, p.spec.shape);
          },
          py::arg("index"), "The values that the layers compute with, quantised and masked, float32.")
      .def_property_readonly("count_params", [](const Graph& g) { return g.params().count(); })
      .def_property_readonly("param_names",
                             [](const Graph& g) {
                               std::vector<std::string> names;
                               for (const auto& p : g.params().list()) names.push_back(p.spec.name);
                               return names;
                             })
      .def_property_readonly("prunable_params",
                             [](const Graph& g) {
                               std::vector<std::size_t> found;
                               for (std::size_t i = 0; i < g.params().list().size(); ++i)
                                 if (g.params().list()[i].spec.prunable) found.push_back(i);
                               return found;
                             },
                             "Indices of the kernels.")
      .def(
          "param_shape",
          [](const Graph& g, std::size_t i) { return py::tuple(py::cast(param_at(g, i).spec.shape.sizes())); },
          py::arg("index"))
      .def(
          "initialize", [](Graph& g, Key key) {
            const Exclusive exclusive(g);
            g.params().initialize(key);
          },
          py::arg("key"))
      .def(
          "value",
          [](const Graph& g, std::size_t i) {
            const auto& p = param_at(g, i);
            return shaped(g, g.params().value(p), p.spec.shape);
          },
          py::arg("index"), "The latent (unquantised) values of a parameter tensor, float32.")
      .def(
          "set_value",
          [](Graph& g, std::size_t i, const Array<float>& value) {
            const auto& p = param_at(g, i);
            const auto src = view<float>(value, p.spec.name);
            need_shape(value, p);
            const Exclusive exclusive(g);
            g.params().set_value(i, src);
            g.params().refresh();
          },
          py::arg("index"), py::arg("value"))
      .def(
          "mask",
          [](const Graph& g, std::size_t i) -> std::optional<Array<float>> {
            const auto& p = param_at(g, i);
            if (!p.masked) return std::nullopt;
            return shaped(g, g.params().mask(p), p.spec.shape);
          },
          py::arg("index"), "The pruning mask (ones and zeros) of a parameter tensor, or None.")
      .def(
          "set_mask",
          [](Graph& g, std::size_t i, const std::optional<Array<float>>& mask) {
            const auto& p = param_at(g, i);
            std::optional<std::span<const float>> src;
            if (mask) {
              need_shape(*mask, p);
              src = view<float>(*mask, "mask");
            }
            const Exclusive exclusive(g);
            if (src)
              g.params().set_mask(i, *src);
            else
              g.params().clear_mask(i);
            g.params().refresh();
          },
          py::arg("index"), py::arg("mask"))
      .def(
          "gradient",
          [](Graph& g, std::size_t i) {
            const auto& p = param_at(g, i);
            return shaped(g, g.params().gradient(p), p.spec.shape);
          },
          py::arg("index"), "d loss / d parameter of the last backward pass, float32.")
      .def(
          "predict",
          [](Graph& g, const Array<float>& x) {
            const py::ssize_t n = samples_of(x, g.input(), "x");
            Array<float> out(batch_shape(n, g.output()));
            const auto src = view<float>(x, "x");
            std::span<float> dst(out.mutable_data(), static_cast<std::size_t>(out.size()));
            const Exclusive exclusive(g);
            train::predict(g, src, dst);
            return out;
          },
          py::arg("x"), "Logits, float32 (samples, classes), of x, float32 (samples, *input_shape).")
      .def(
          "predict_rows",
          [](Graph& g, const py::function& x, py::ssize_t samples) {
            require(samples > 0, "predict", "x holds no sample");
            Array<float> out(batch_shape(samples, g.output()));
            const Source source = x;
            std::span<float> dst(out.mutable_data(), static_cast<std::size_t>(out.size()));
            const Exclusive exclusive(g);
            train::predict(g, to_samples(source), dst);
            return out;
          },
          py::arg("x"), py::arg("samples"),
          "Logits, float32 (samples, classes), of what the function x gives for rows 0, 1, ..., batch by batch.")
      .def_property_readonly("inference_batch", &Graph::inference_batch,
                             "How many samples at a time are evaluated and predicted.")
      .def("evaluate", &evaluate, py::arg("x"),
           "Logits in float64 by the layers' definitions, (samples, classes).")
      .def("trace", &trace, py::arg("x"), "Every layer's result in float64, (samples, *shape) each.")
      .def(
          "arena_bytes",
          [](Graph& g, int batch, bool training) {
            const Exclusive exclusive(g);
            return g.plan(batch, training).arena_bytes();
          },
          py::arg("batch"), py::arg("training"));
}

}  // namespace qkd::bind
