#include "bind/arrays.h"
#include "bind/gil.h"
#include "bind/module.h"
#include "fixed/activation.h"
#include "fixed/conv.h"
#include "fixed/dense.h"
#include "fixed/embedding.h"
#include "fixed/gru.h"
#include "fixed/merge.h"
#include "fixed/network.h"
#include "fixed/pooling.h"
#include "fixed/reshape.h"
#include "fixed/scale.h"
#include "fixed/table.h"

#include <pybind11/stl.h>

namespace qkd::bind {
namespace {

namespace fx = qkd::fixed;
using Codes = Array<std::int64_t>;
using Pair = std::array<int, 2>;

std::vector<std::int64_t> copied(const Codes& codes) { return {codes.data(), codes.data() + codes.size()}; }

fx::Weights weights_of(const Codes& weights, const Codes& bias, FixedPoint weight_type,
                       FixedPoint bias_type) {
  return {copied(weights), copied(bias), weight_type, bias_type};
}

// padding: (before, after) along the height, then along the width
fx::Window window_of(Pair size, Pair strides, const std::array<Pair, 2>& padding) {
  return {size, strides, {padding[0][0], padding[1][0]}, {padding[0][1], padding[1][1]}};
}

py::tuple tuple_of(const Shape& shape) { return py::tuple(py::cast(shape.sizes())); }

// (samples, *shape)
std::vector<py::ssize_t> batch_of(py::ssize_t samples, const Shape& shape) {
  std::vector<py::ssize_t> sizes{samples};
  sizes.insert(sizes.end(), shape.sizes().begin(), shape.sizes().end());
  return sizes;
}

py::ssize_t samples_of(const fx::Network& network, const Codes& codes) {
  const Shape& shape = network.input_shape();
  bool fits = codes.ndim() == shape.rank() + 1;
  for (int axis = 0; fits && axis < shape.rank(); ++axis) fits = codes.shape(axis + 1) == shape[axis];
  require(fits, "codes", "must be (samples, *", shape.text(), "); got ",
          std::string(py::str(codes.attr("shape"))));
  return codes.shape(0);
}

template <typename T>
using Class = py::class_<T, fx::Layer, std::shared_ptr<T>>;

void weighted(py::module_& m) {
  Class<fx::Dense>(m, "FixedDense")
      .def(py::init([](const std::string& name, const Codes& weights, const Codes& bias,
                       FixedPoint weight_type, FixedPoint bias_type, FixedPoint result_type) {
             require(weights.ndim() == 2, name, "weights must be (n_in, n_out)");
             return fx::Dense(name, static_cast<int>(weights.shape(0)),
                              weights_of(weights, bias, weight_type, bias_type), result_type);
           }),
           py::arg("name"), py::arg("weights"), py::arg("bias"), py::arg("weight_type"), py::arg("bias_type"),
           py::arg("result_type"));
  Class<fx::Conv>(m, "FixedConv")
      .def(py::init([](const std::string& name, const Codes& weights, const Codes& bias,
                       FixedPoint weight_type, FixedPoint bias_type, FixedPoint result_type, Pair strides,
                       const std::array<Pair, 2>& padding) {
             require(weights.ndim() == 4, name, "weights must be (height, width, channels, n_out)");
             const Pair size{static_cast<int>(weights.shape(0)), static_cast<int>(weights.shape(1))};
             return fx::Conv(name, window_of(size, strides, padding), static_cast<int>(weights.shape(2)),
                             weights_of(weights, bias, weight_type, bias_type), result_type);
           }),
           py::arg("name"), py::arg("weights"), py::arg("bias"), py::arg("weight_type"), py::arg("bias_type"),
           py::arg("result_type"), py::arg("strides"), py::arg("padding"));
  Class<fx::DepthwiseConv>(m, "FixedDepthwiseConv")
      .def(py::init([](const std::string& name, const Codes& weights, const Codes& bias,
                       FixedPoint weight_type, FixedPoint bias_type, FixedPoint result_type, Pair strides,
                       const std::array<Pair, 2>& padding) {
             require(weights.ndim() == 3, name, "weights must be (height, width, channels)");
             const Pair size{static_cast<int>(weights.shape(0)), static_cast<int>(weights.shape(1))};
             return fx::DepthwiseConv(name, window_of(size, strides, padding),
                                      weights_of(weights, bias, weight_type, bias_type), result_type);
           }),
           py::arg("name"), py::arg("weights"), py::arg("bias"), py::arg("weight_type"), py::arg("bias_type"),
           py::arg("result_type"), py::arg("strides"), py::arg("padding"));
  Class<fx::Scale>(m, "FixedScale")
      .def(py::init([](const std::string& name, const Codes& weights, const Codes& bias,
                       FixedPoint weight_type, FixedPoint bias_type, FixedPoint result_type) {
             return fx::Scale(name, weights_of(weights, bias, weight_type, bias_type), result_type);
           }),
           py::arg("name"), py::arg("weights"), py::arg("bias"), py::arg("weight_type"), py::arg("bias_type"),
           py::arg("result_type"));
}

void pointwise(py::module_& m) {
  Class<fx::Activation>(m, "FixedActivation")
      .def(py::init([](const std::string& name, const std::string& function, FixedPoint result_type,
                       std::pair<std::int64_t, int> slope, std::pair<std::int64_t, int> shift) {
             return fx::Activation(name, fx::function_from(function), {slope.first, slope.second},
                                   {shift.first, shift.second}, result_type);
           }),
           py::arg("name"), py::arg("function"), py::arg("result_type"),
           py::arg("slope") = std::pair<std::int64_t, int>{},
           py::arg("shift") = std::pair<std::int64_t, int>{});
  Class<fx::Lookup>(m, "FixedLookup")
      .def(py::init([](const std::string& name, const Codes& table, FixedPoint table_type, int span,
                       FixedPoint result_type) {
             return fx::Lookup(name, {copied(table), table_type}, span, result_type);
           }),
           py::arg("name"), py::arg("table"), py::arg("table_type"), py::arg("span"), py::arg("result_type"));
  Class<fx::Softmax>(m, "FixedSoftmax")
      .def(py::init([](const std::string& name, bool stable, const Codes& exponential,
                       FixedPoint exponential_type, const Codes& inverse, FixedPoint inverse_type,
                       FixedPoint accum_type, FixedPoint sum_type, FixedPoint result_type) {
             return fx::Softmax(name, stable, {copied(exponential), exponential_type},
                                {copied(inverse), inverse_type}, accum_type, sum_type, result_type);
           }),
           py::arg("name"), py::arg("stable"), py::arg("exponential"), py::arg("exponential_type"),
           py::arg("inverse"), py::arg("inverse_type"), py::arg("accum_type"), py::arg("sum_type"),
           py::arg("result_type"));
  Class<fx::Argmax>(m, "FixedArgmax")
      .def(py::init<std::string, FixedPoint>(), py::arg("name"), py::arg("result_type"));
}

void moving(py::module_& m) {
  Class<fx::MaxPooling>(m, "FixedMaxPooling")
      .def(py::init([](const std::string& name, Pair size, Pair strides, const std::array<Pair, 2>& padding,
                       bool is_global, FixedPoint result_type) {
             return fx::MaxPooling(name, window_of(size, strides, padding), is_global, result_type);
           }),
           py::arg("name"), py::arg("size"), py::arg("strides"), py::arg("padding"), py::arg("is_global"),
           py::arg("result_type"));
  Class<fx::AveragePooling>(m, "FixedAveragePooling")
      .def(py::init([](const std::string& name, Pair size, Pair strides, const std::array<Pair, 2>& padding,
                       bool is_global, FixedPoint accum_type, FixedPoint result_type) {
             return fx::AveragePooling(name, window_of(size, strides, padding), is_global, accum_type,
                                       result_type);
           }),
           py::arg("name"), py::arg("size"), py::arg("strides"), py::arg("padding"), py::arg("is_global"),
           py::arg("accum_type"), py::arg("result_type"));
  Class<fx::Add>(m, "FixedAdd")
      .def(py::init<std::string, FixedPoint>(), py::arg("name"), py::arg("result_type"));
  Class<fx::Concatenate>(m, "FixedConcatenate")
      .def(py::init<std::string, FixedPoint>(), py::arg("name"), py::arg("result_type"));
  Class<fx::Reshape>(m, "FixedReshape")
      .def(py::init([](const std::string& name, const std::vector<int>& shape, FixedPoint result_type) {
             return fx::Reshape(name, Shape(shape), result_type);
           }),
           py::arg("name"), py::arg("shape"), py::arg("result_type"));
  Class<fx::ZeroPadding>(m, "FixedZeroPadding")
      .def(py::init([](const std::string& name, const std::array<Pair, 2>& padding, FixedPoint result_type) {
             return fx::ZeroPadding(name, {padding[0][0], padding[1][0]}, {padding[0][1], padding[1][1]},
                                    result_type);
           }),
           py::arg("name"), py::arg("padding"), py::arg("result_type"));
}

void recurrent(py::module_& m) {
  Class<fx::Embedding>(m, "FixedEmbedding")
      .def(py::init([](const std::string& name, const Codes& embeddings, FixedPoint result_type) {
             require(embeddings.ndim() == 2, name, "embeddings must be (rows, width)");
             return fx::Embedding(name, static_cast<int>(embeddings.shape(0)), copied(embeddings),
                                  result_type);
           }),
           py::arg("name"), py::arg("embeddings"), py::arg("result_type"));
  Class<fx::Gru>(m, "FixedGRU")
      .def(py::init([](const std::string& name, const Codes& kernel, const Codes& recurrent_kernel,
                       const Codes& bias, FixedPoint kernel_type, FixedPoint recurrent_type,
                       FixedPoint bias_type, const Codes& sigmoid, const Codes& tanh, FixedPoint table_type,
                       FixedPoint accum_type, bool return_sequences, FixedPoint result_type) {
             require(bias.ndim() == 2 && bias.shape(0) == 2, name, "bias must be (2, 3 units)");
             const auto rows = copied(bias);
             const auto half = rows.begin() + static_cast<std::ptrdiff_t>(rows.size() / 2);
             return fx::Gru(name,
                            {return_sequences,
                             {copied(kernel), {rows.begin(), half}, kernel_type, bias_type},
                             {copied(recurrent_kernel), {half, rows.end()}, recurrent_type, bias_type},
                             {copied(sigmoid), table_type},
                             {copied(tanh), table_type},
                             accum_type},
                            result_type);
           }),
           py::arg("name"), py::arg("kernel"), py::arg("recurrent_kernel"), py::arg("bias"),
           py::arg("kernel_type"), py::arg("recurrent_type"), py::arg("bias_type"), py::arg("sigmoid"),
           py::arg("tanh"), py::arg("table_type"), py::arg("accum_type"), py::arg("return_sequences"),
           py::arg("result_type"));
}

}  // namespace

void fixed(py::module_& m) {
  py::class_<fx::Layer, std::shared_ptr<fx::Layer>>(m, "FixedLayer")
      .def_property_readonly("name", &fx::Layer::name);
  weighted(m);
  pointwise(m);
  moving(m);
  recurrent(m);
  py::class_<fx::Network>(m, "Emulator",
                          "The integer forward pass of a frozen network, codes in and codes out.")
      .def(py::init([](const std::vector<int>& input_shape, FixedPoint input_type) {
             return fx::Network(Shape(input_shape), input_type);
           }),
           py::arg("input_shape"), py::arg("input_type"))
      .def("add", &fx::Network::add, py::arg("layer"), py::arg("sources"),
           "Append a layer; ValueError where its result type could round or overflow a sum.")
      .def("exact_type", &fx::Network::exact_type, py::arg("layer"), py::arg("sources"),
           "The smallest type that holds whatever the layer can give on these sources.")
      .def(
          "sum_bits",
          [](const fx::Network& n, const fx::Layer& layer, const std::vector<std::string>& sources) {
            const fx::Interval partial = n.reach(layer, sources).partial;
            int bits = 1;
            while (!partial.fits(bits)) ++bits;
            return bits;
          },
          py::arg("layer"), py::arg("sources"),
          "Bits that hold every partial sum, in whatever order they are taken.")
      .def(
          "shape", [](const fx::Network& n, const std::string& name) { return tuple_of(n.shape(name)); },
          py::arg("name"), "The shape of a layer's result, or of 'input'.")
      .def("type", &fx::Network::type, py::arg("name"), "The type of a layer's result, or of 'input'.")
      .def_property_readonly("narrow", &fx::Network::narrow, "Whether 32 bits hold every code and sum.")
      .def(
          "run",
          [](const fx::Network& n, const Codes& codes) {
            Codes out(batch_of(samples_of(n, codes), n.output_shape()));
            const auto src = view<std::int64_t>(codes, "codes");
            std::span<std::int64_t> dst(out.mutable_data(), static_cast<std::size_t>(out.size()));
            const Released released;
            n.run(src, dst);
            return out;
          },
          py::arg("codes"), "The last layer's codes, int64 (samples, *shape), of input codes, int64.")
      .def(
          "trace",
          [](const fx::Network& n, const Codes& codes) {
            const py::ssize_t samples = samples_of(n, codes);
            const auto results = n.trace(view<std::int64_t>(codes, "codes"));
            py::dict out;
            for (std::size_t l = 0; l < results.size(); ++l) {
              const std::string& name = n.names()[l + 1];
              out[py::str(name)] = to_array<std::int64_t>(results[l], batch_of(samples, n.shape(name)));
            }
            return out;
          },
          py::arg("codes"), "Every layer's codes, int64 (samples, *shape), by name.");
}

}  // namespace qkd::bind
