#include "bind/module.h"

#include <oneapi/dnnl/dnnl.hpp>

#include "base/check.h"
#include "bind/gil.h"

PYBIND11_MODULE(_core, m) {
  m.doc() = "The C++ engine of qkdflow. Use it through the package.";
  // ValueError and EnvironmentError derive from std::invalid_argument and std::runtime_error, which pybind11
  // already turns into ValueError and RuntimeError.
  m.def(
      "onednn_version",
      [] {
        const dnnl_version_t* v = dnnl_version();
        return py::make_tuple(v->major, v->minor, v->patch);
      },
      "The version (major, minor, patch) of the oneDNN library that this process has loaded.");
  m.attr("ONEDNN_BUILT_WITH") = py::make_tuple(DNNL_VERSION_MAJOR, DNNL_VERSION_MINOR, DNNL_VERSION_PATCH);
  qkd::bind::end_with_interpreter();
  qkd::bind::base(m);
  qkd::bind::bayes(m);
  qkd::bind::quant(m);
  qkd::bind::layers(m);
  qkd::bind::nn(m);
  qkd::bind::train(m);
  qkd::bind::fixed(m);
}
