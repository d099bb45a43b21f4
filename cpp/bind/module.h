// One function a room; each registers its names in _core.
#pragma once
#include <pybind11/pybind11.h>

namespace py = pybind11;

namespace qkd::bind {

void base(py::module_& m);
void bayes(py::module_& m);
void quant(py::module_& m);
void layers(py::module_& m);
void nn(py::module_& m);
void train(py::module_& m);
void fixed(py::module_& m);

}  // namespace qkd::bind
