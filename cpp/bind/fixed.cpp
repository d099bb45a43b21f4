#include "bind/arrays.h"
#include "bind/module.h"
#include "fixed/network.h"

#include <pybind11/stl.h>

namespace qkd::bind {
namespace {

using Codes = Array<std::int64_t>;

std::vector<std::int64_t> copied(const Codes& codes) { return {codes.data(), codes.data() + codes.size()}; }

py::ssize_t samples_of(const fixed::Network& network, const Codes& codes) {
  require(codes.ndim() == 2 && codes.shape(1) == network.n_in(), "codes", "must be (samples, ",
          network.n_in(), "); got ", std::string(py::str(codes.attr("shape"))));
  return codes.shape(0);
}

qkd::fixed::Layer layer_of(py::handle layer) {
  if (py::isinstance<qkd::fixed::Dense>(layer)) return layer.cast<qkd::fixed::Dense>();
  return layer.cast<qkd::fixed::Activation>();
}

}  // namespace

void fixed(py::module_& m) {
  py::class_<qkd::fixed::Dense>(m, "FixedDense")
      .def(py::init([](std::string name, const Codes& weights, const Codes& bias, FixedPoint weight_type,
                       FixedPoint bias_type, FixedPoint result_type) {
             require(weights.ndim() == 2, name, "weights must be (n_in, n_out)");
             return qkd::fixed::Dense{std::move(name),
                                      static_cast<int>(weights.shape(0)),
                                      static_cast<int>(weights.shape(1)),
                                      copied(weights),
                                      copied(bias),
                                      weight_type,
                                      bias_type,
                                      result_type};
           }),
           py::arg("name"), py::arg("weights"), py::arg("bias"), py::arg("weight_type"), py::arg("bias_type"),
           py::arg("result_type"));
  py::class_<qkd::fixed::Activation>(m, "FixedActivation")
      .def(py::init<std::string, bool, FixedPoint>(), py::arg("name"), py::arg("relu"),
           py::arg("result_type"));
  py::class_<qkd::fixed::Network>(m, "Emulator",
                                  "The integer forward pass of a frozen network, codes in and codes out.")
      .def(py::init([](int n_in, FixedPoint input_type, const py::sequence& layers) {
             std::vector<qkd::fixed::Layer> chain;
             for (const py::handle layer : layers) chain.push_back(layer_of(layer));
             return qkd::fixed::Network(n_in, input_type, std::move(chain));
           }),
           py::arg("n_in"), py::arg("input_type"), py::arg("layers"))
      .def(
          "run",
          [](const qkd::fixed::Network& n, const Codes& codes) {
            Codes out({samples_of(n, codes), static_cast<py::ssize_t>(n.n_out())});
            const auto src = view<std::int64_t>(codes, "codes");
            std::span<std::int64_t> dst(out.mutable_data(), static_cast<std::size_t>(out.size()));
            py::gil_scoped_release release;
            n.run(src, dst);
            return out;
          },
          py::arg("codes"), "Logit codes, int64 (samples, n_out), of input codes, int64 (samples, n_in).")
      .def(
          "trace",
          [](const qkd::fixed::Network& n, const Codes& codes) {
            const py::ssize_t samples = samples_of(n, codes);
            std::vector<Codes> out;
            for (const auto& r : n.trace(view<std::int64_t>(codes, "codes")))
              out.push_back(to_array<std::int64_t>(
                  r, {samples, samples ? static_cast<py::ssize_t>(r.size()) / samples : 0}));
            return out;
          },
          py::arg("codes"), "Every layer's codes, int64 (samples, width) each.");
}

}  // namespace qkd::bind
