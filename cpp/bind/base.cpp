#include "base/key.h"

#include <pybind11/operators.h>

#include "base/simd/kernels.h"
#include "base/threads.h"
#include "bind/arrays.h"
#include "bind/exclusive.h"
#include "bind/module.h"

namespace qkd::bind {
namespace {

template <typename Draw>
Array<double> draws(py::ssize_t n, Draw draw) {
  require(n >= 0, "Key", "n must not be negative; got ", n);
  Array<double> out(n);
  double* values = out.mutable_data();
  for (py::ssize_t i = 0; i < n; ++i) values[i] = draw(static_cast<std::uint64_t>(i));
  return out;
}

std::uint64_t whole_number(const py::object& given, const char* name) {
  try {
    return given.cast<std::uint64_t>();
  } catch (const py::cast_error&) {
    throw ValueError(concat("[Key] ", name, " must be a whole number from 0 to 2^64 - 1; got ",
                            std::string(py::repr(given))));
  }
}

}  // namespace

void base(py::module_& m) {
  py::class_<Key>(
      m, "Key",
      "A random key: a value, not a state. Same key, same bits. Fold in a number or a name to get an "
      "independent key (Philox4x32-10, Salmon et al. 2011).")
      .def(py::init([](const py::object& seed) { return Key(whole_number(seed, "seed")); }), py::arg("seed"))
      .def(
          "fold", [](Key k, const std::string& name) { return k.fold(name); }, py::arg("name"))
      .def(
          "fold", [](Key k, const py::object& data) { return k.fold(whole_number(data, "data")); },
          py::arg("data"))
      .def(
          "uniform", [](Key k, py::ssize_t n) { return draws(n, [k](auto i) { return k.uniform(i); }); },
          py::arg("n"), "n uniform numbers in [0, 1), float64 (n,).")
      .def(
          "normal", [](Key k, py::ssize_t n) { return draws(n, [k](auto i) { return k.normal(i); }); },
          py::arg("n"), "n standard normal numbers, float64 (n,).")
      .def(
          "permutation",
          [](Key k, std::uint32_t n) {
            const auto p = k.permutation(n);
            return to_array<std::uint32_t>(p, {static_cast<py::ssize_t>(n)});
          },
          py::arg("n"), "A permutation of 0 .. n-1, uint32 (n,).")
      .def_property_readonly("value", &Key::value)
      .def(py::self == py::self)
      .def("__repr__", [](Key k) { return concat("Key(", k.value(), ")"); })
      .def("__hash__", [](Key k) { return k.value(); })
      .def("__reduce__", [](Key k) {  // how a trial goes to another process
        return py::make_tuple(py::type::of<Key>(), py::make_tuple(k.value()));
      });
  m.def("set_threads", &set_threads, py::arg("count"),
        "How many threads the engine may use, at least 1; in a forked child always 1.");
  m.def("threads", &threads);
  m.def(
      "feed_engine", [] { feeds_the_engine = true; },
      "Says that this thread reads samples for a model at work, which it must not wait for.");
  m.def(
      "simd_level", [] { return std::string(simd::kernels().level); },
      "The x86-64 level of the vector kernels in use: v2, v3 (AVX2) or v4 (AVX-512).");
}

}  // namespace qkd::bind
