// The engine's layers, as Python describes them. What each means stands in its header under nn/.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <variant>

#include "base/check.h"
#include "bind/module.h"
#include "nn/activation.h"
#include "nn/batch_normalization.h"
#include "nn/convolution.h"
#include "nn/dense.h"
#include "nn/dropout.h"
#include "nn/embedding.h"
#include "nn/folded_batch_normalization.h"
#include "nn/gru.h"
#include "nn/merge.h"
#include "nn/pooling.h"
#include "nn/rescaling.h"
#include "nn/reshape.h"
#include "nn/zero_padding.h"

namespace qkd::bind {
namespace {

namespace py = pybind11;
using qkd::nn::Layer;
using qkd::nn::ParamSpec;

using Pair = std::pair<int, int>;
using Quantizer = std::shared_ptr<const ScaledQuantizer>;

using Learned =
    std::tuple<std::string, float, float, float>;  // granularity; initial, least, most fraction bits

qkd::nn::LearnedBits learned_bits(const Learned& given) {
  using Granularity = qkd::nn::LearnedBits::Granularity;
  const auto& [name, initial, least, most] = given;
  require(name == "weight" || name == "channel" || name == "layer", "learned_bits",
          "granularity must be weight, channel or layer; got '", name, "'");
  const Granularity granularity = name == "weight"    ? Granularity::weight
                                  : name == "channel" ? Granularity::channel
                                                      : Granularity::layer;
  const qkd::nn::LearnedBits bits{granularity, initial, least, most};
  bits.check("learned_bits");
  return bits;
}

ParamSpec param(const std::string& initializer, std::optional<FixedPoint> type, const Quantizer& scaled,
                std::pair<float, float> regularizer, const std::optional<Learned>& learned) {
  ParamSpec spec;
  spec.initializer = qkd::nn::initializer_from(initializer);
  spec.type = type;
  spec.scaled = scaled;
  if (learned) spec.learned = learned_bits(*learned);
  spec.regularizer = {regularizer.first, regularizer.second};
  return spec;
}

using Alpha = std::variant<float, std::string>;

Scale scale_from(const Alpha& alpha) {
  if (const auto* number = std::get_if<float>(&alpha)) return {Scale::Kind::given, *number};
  const std::string& name = std::get<std::string>(alpha);
  require(name == "auto" || name == "auto_po2", "alpha", "must be a number, auto or auto_po2; got '", name,
          "'");
  return {name == "auto" ? Scale::Kind::fitted : Scale::Kind::fitted_po2};
}

template <typename L>
using Class = py::class_<L, Layer, std::shared_ptr<L>>;

void bind_quantizers(py::module_& m) {
  py::class_<ScaledQuantizer, std::shared_ptr<ScaledQuantizer>>(
      m, "ScaledQuantizer", "A weight quantiser whose step follows from the weights, channel by channel.")
      .def(
          "__call__",
          [](const ScaledQuantizer& q, const py::array_t<float, py::array::c_style>& x) {
            require(x.ndim() > 0, "quantizer", "needs an array with an axis");
            py::array_t<float> out(std::vector<py::ssize_t>(x.shape(), x.shape() + x.ndim()));
            std::vector<int> sizes(x.shape(), x.shape() + x.ndim());
            const auto size = static_cast<std::size_t>(x.size());
            q.quantize(Shape(sizes), {x.data(), size}, {out.mutable_data(), size});
            return out;
          },
          py::arg("x"), "Quantised weights, float32; the last axis counts channels.");
  m.def(
      "scaled_bits",
      [](int bits, int integer, const Alpha& alpha) -> std::shared_ptr<ScaledQuantizer> {
        return std::make_shared<ScaledBits>(bits, integer, scale_from(alpha));
      },
      py::arg("bits"), py::arg("integer"), py::arg("alpha"));
  m.def(
      "binary",
      [](const Alpha& alpha) -> std::shared_ptr<ScaledQuantizer> {
        return std::make_shared<Binary>(scale_from(alpha));
      },
      py::arg("alpha"));
  m.def(
      "ternary",
      [](const Alpha& alpha, float threshold, int rounds) -> std::shared_ptr<ScaledQuantizer> {
        return std::make_shared<Ternary>(scale_from(alpha), threshold, rounds);
      },
      py::arg("alpha"), py::arg("threshold"), py::arg("rounds"));
  m.def(
      "power_of_two",
      [](int lowest, int highest) -> std::shared_ptr<ScaledQuantizer> {
        return std::make_shared<PowerOfTwo>(lowest, highest);
      },
      py::arg("lowest"), py::arg("highest"));
}

qkd::nn::Window window(Pair kernel, Pair strides, const std::string& padding) {
  return {kernel.first, kernel.second, strides.first, strides.second, qkd::nn::padding_from(padding)};
}

}  // namespace

void layers(py::module_& m) {
  namespace nn = qkd::nn;
  bind_quantizers(m);
  py::class_<ParamSpec>(m, "ParamSpec", "How a parameter tensor is initialised, quantised and regularised.")
      .def(py::init(&param), py::arg("initializer") = "zeros", py::arg("type") = std::nullopt,
           py::arg("scaled") = nullptr, py::arg("regularizer") = std::pair{0.0F, 0.0F},
           py::arg("learned") = std::nullopt);
  py::class_<Layer, std::shared_ptr<Layer>>(m, "Layer")
      .def_property_readonly("name", &Layer::name)
      .def(
          "infer",
          [](const Layer& layer, const std::vector<std::vector<int>>& srcs) {
            qkd::nn::Shapes shapes;
            for (const std::vector<int>& s : srcs) shapes.emplace_back(s);
            return layer.infer(shapes).sizes();
          },
          py::arg("srcs"), "The shape of the result for sources of these shapes, without the batch axis.");
  Class<nn::Dense>(m, "Dense")
      .def(py::init([](const std::string& name, int units, bool use_bias, ParamSpec kernel, ParamSpec bias) {
             return std::make_shared<nn::Dense>(
                 name, nn::Dense::Options{units, use_bias, std::move(kernel), std::move(bias)});
           }),
           py::arg("name"), py::arg("units"), py::arg("use_bias"), py::arg("kernel"), py::arg("bias"));
  Class<nn::Convolution>(m, "Convolution")
      .def(py::init([](const std::string& name, int filters, Pair kernel_size, Pair strides,
                       const std::string& padding, bool use_bias, bool depthwise, ParamSpec kernel,
                       ParamSpec bias) {
             return std::make_shared<nn::Convolution>(
                 name, nn::Convolution::Options{filters, window(kernel_size, strides, padding), use_bias,
                                                depthwise, std::move(kernel), std::move(bias)});
           }),
           py::arg("name"), py::arg("filters"), py::arg("kernel_size"), py::arg("strides"),
           py::arg("padding"), py::arg("use_bias"), py::arg("depthwise"), py::arg("kernel"), py::arg("bias"));
  Class<nn::BatchNormalization>(m, "BatchNormalization")
      .def(py::init([](const std::string& name, float momentum, float epsilon, bool center, bool scale) {
             return std::make_shared<nn::BatchNormalization>(
                 name, nn::BatchNormalization::Options{momentum, epsilon, center, scale});
           }),
           py::arg("name"), py::arg("momentum"), py::arg("epsilon"), py::arg("center"), py::arg("scale"));
  Class<nn::FoldedBatchNormalization>(m, "FoldedBatchNormalization")
      .def(py::init([](const std::shared_ptr<Layer>& inner, float momentum, float epsilon, bool center,
                       bool scale, const std::string& folding_mode, std::optional<int> ema_freeze_delay,
                       ParamSpec bias) {
             return std::make_shared<nn::FoldedBatchNormalization>(
                 inner, nn::FoldedBatchNormalization::Options{
                            momentum, epsilon, center, scale, nn::folding_from(folding_mode),
                            std::max(ema_freeze_delay.value_or(-1), -1), std::move(bias)});
           }),
           py::arg("inner"), py::arg("momentum"), py::arg("epsilon"), py::arg("center"), py::arg("scale"),
           py::arg("folding_mode"), py::arg("ema_freeze_delay"), py::arg("bias"));
  Class<nn::Pooling>(m, "Pooling")
      .def(py::init([](const std::string& name, bool average, Pair pool_size, Pair strides,
                       const std::string& padding, bool is_global, bool keepdims) {
             const auto kind = average ? nn::Pooling::Kind::average : nn::Pooling::Kind::max;
             return std::make_shared<nn::Pooling>(
                 name, nn::Pooling::Options{kind, window(pool_size, strides, padding), is_global, keepdims});
           }),
           py::arg("name"), py::arg("average"), py::arg("pool_size"), py::arg("strides"), py::arg("padding"),
           py::arg("is_global"), py::arg("keepdims"));
  Class<nn::Activation>(m, "Activation")
      .def(py::init([](const std::string& name, const std::string& function, std::optional<FixedPoint> type,
                       std::optional<float> slope, std::optional<float> offset, std::optional<float> low,
                       std::optional<float> high) {
             nn::Function f = nn::function_from(function);
             f.slope = slope.value_or(f.slope);
             f.offset = offset.value_or(f.offset);
             f.low = low.value_or(f.low);
             f.high = high.value_or(f.high);
             return std::make_shared<nn::Activation>(name, f, type);
           }),
           py::arg("name"), py::arg("function"), py::arg("type") = std::nullopt,
           py::arg("slope") = std::nullopt, py::arg("offset") = std::nullopt, py::arg("low") = std::nullopt,
           py::arg("high") = std::nullopt);
  Class<nn::Rescaling>(m, "Rescaling")
      .def(py::init<std::string, std::vector<float>, std::vector<float>>(), py::arg("name"), py::arg("scale"),
           py::arg("offset"));
  Class<nn::Add>(m, "Add").def(py::init<std::string>(), py::arg("name"));
  Class<nn::Concatenate>(m, "Concatenate").def(py::init<std::string>(), py::arg("name"));
  Class<nn::Reshape>(m, "Reshape")
      .def(py::init<std::string, std::vector<int>>(), py::arg("name"), py::arg("target_shape"));
  Class<nn::ZeroPadding>(m, "ZeroPadding")
      .def(py::init([](const std::string& name, Pair rows, Pair columns) {
             return std::make_shared<nn::ZeroPadding>(
                 name, nn::ZeroPadding::Zeros{rows.first, rows.second, columns.first, columns.second});
           }),
           py::arg("name"), py::arg("rows"), py::arg("columns"));
  Class<nn::Dropout>(m, "Dropout").def(py::init<std::string, double>(), py::arg("name"), py::arg("rate"));
  Class<nn::Embedding>(m, "Embedding")
      .def(py::init<std::string, int, int, ParamSpec>(), py::arg("name"), py::arg("input_dim"),
           py::arg("output_dim"), py::arg("table"));
  Class<nn::Gru>(m, "Gru").def(
      py::init([](const std::string& name, int units, bool return_sequences, bool use_bias, ParamSpec kernel,
                  ParamSpec recurrent, ParamSpec bias, std::optional<FixedPoint> state) {
        return std::make_shared<nn::Gru>(
            name, nn::Gru::Options{units, return_sequences, use_bias, std::move(kernel), std::move(recurrent),
                                   std::move(bias), state});
      }),
      py::arg("name"), py::arg("units"), py::arg("return_sequences"), py::arg("use_bias"), py::arg("kernel"),
      py::arg("recurrent"), py::arg("bias"), py::arg("state") = std::nullopt);
}

}  // namespace qkd::bind
