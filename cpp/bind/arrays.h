// The door between NumPy and the engine: dtype, contiguity and rank are checked here, once, with errors that
// name the argument.
#pragma once
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "base/check.h"

namespace qkd::bind {

namespace py = pybind11;

template <typename T>
using Array = py::array_t<T, py::array::c_style>;

// Views a C-contiguous array of exactly T; anything else is a ValueError that says how to convert.
template <typename T>
std::span<const T> view(const py::array& array, const std::string& name) {
  require(py::isinstance<py::array_t<T>>(array), name, "must be an array of ",
          std::string(py::str(py::dtype::of<T>())), "; got ", std::string(py::str(array.dtype())), ". Use ",
          name, ".astype(...)");
  require(array.flags() & py::array::c_style, name, "must be C-contiguous. Use np.ascontiguousarray(", name,
          ")");
  return {static_cast<const T*>(array.data()), static_cast<std::size_t>(array.size())};
}

template <typename T>
Array<T> to_array(std::span<const T> values, const std::vector<py::ssize_t>& shape) {
  Array<T> out(shape);
  require(static_cast<std::size_t>(out.size()) == values.size(), "to_array", "shape and size differ");
  if (!values.empty()) std::memcpy(out.mutable_data(), values.data(), values.size_bytes());
  return out;
}

}  // namespace qkd::bind
