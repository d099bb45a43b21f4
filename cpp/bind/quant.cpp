#include "quant/fixed_point.h"

#include <pybind11/operators.h>

#include "bind/arrays.h"
#include "bind/module.h"

namespace qkd::bind {
namespace {

template <typename From, typename To, typename Map>
Array<To> elementwise(const Array<From>& values, Map map) {
  Array<To> out(std::vector<py::ssize_t>(values.shape(), values.shape() + values.ndim()));
  const From* src = values.data();
  To* dst = out.mutable_data();
  for (py::ssize_t i = 0; i < values.size(); ++i) dst[i] = map(src[i]);
  return out;
}

// Of a file: pybind11 3.1 ends the process where a call that fits nothing has a keyword that is no Unicode.
py::object type_of(const py::dict& fields) {
  for (const auto& [name, value] : fields) {
    bool known = false;
    for (const char* one : {"bits", "integer", "is_signed", "rounding", "overflow", "digits"}) {
      known = known || name.equal(py::str(one));
    }
    require(known, "FixedPoint", "fields are bits, integer, is_signed, rounding, overflow and digits; got ",
            std::string(py::repr(name)));
  }
  return py::type::of<FixedPoint>()(**fields);
}

using AnyDouble = py::array_t<double, py::array::c_style | py::array::forcecast>;
using AnyCode = py::array_t<std::int64_t, py::array::c_style>;

}  // namespace

void quant(py::module_& m) {
  py::class_<FixedPoint>(
      m, "FixedPoint",
      "A fixed-point type as ap_fixed has it: `integer` counts the sign bit of a signed type.")
      .def(py::init([](int bits, int integer, bool is_signed, const std::string& rounding,
                       const std::string& overflow, int digits) {
             return FixedPoint(bits, integer, is_signed, rounding_from(rounding), overflow_from(overflow),
                               digits);
           }),
           py::arg("bits"), py::arg("integer"), py::arg("is_signed") = true, py::arg("rounding") = "TRN",
           py::arg("overflow") = "WRAP", py::arg("digits") = 0)
      .def_static(
          "quantized_bits",
          [](int bits, int integer, bool keep_negative, bool symmetric, const std::string& rounding) {
            return FixedPoint::quantized_bits(bits, integer, keep_negative, symmetric,
                                              rounding_from(rounding));
          },
          py::arg("bits"), py::arg("integer"), py::arg("keep_negative") = true, py::arg("symmetric") = false,
          py::arg("rounding") = "RND_CONV",
          "The type of QKeras's quantized_bits(bits, integer, alpha=1), whose `integer` leaves the sign out.")
      .def_static(
          "quantized_relu",
          [](int bits, int integer, const std::string& rounding) {
            return FixedPoint::quantized_relu(bits, integer, rounding_from(rounding));
          },
          py::arg("bits"), py::arg("integer"), py::arg("rounding") = "RND_CONV",
          "The type of QKeras's quantized_relu(bits, integer).")
      .def_static("from_dict", &type_of, py::arg("fields"), "The type whose to_dict this is.")
      .def_readonly("bits", &FixedPoint::bits)
      .def_readonly("integer", &FixedPoint::integer)
      .def_readonly("is_signed", &FixedPoint::is_signed)
      .def_property_readonly("rounding", [](const FixedPoint& t) { return to_string(t.rounding); })
      .def_property_readonly("overflow", [](const FixedPoint& t) { return to_string(t.overflow); })
      .def_readonly("digits", &FixedPoint::digits)
      .def_property_readonly("fraction", &FixedPoint::fraction)
      .def_property_readonly("step", &FixedPoint::step)
      .def_property_readonly("low_code", &FixedPoint::low_code)
      .def_property_readonly("high_code", &FixedPoint::high_code)
      .def_property_readonly("low", &FixedPoint::low)
      .def_property_readonly("high", &FixedPoint::high)
      .def_property_readonly("ap_type", &FixedPoint::ap_type)
      .def_property_readonly("hls4ml_type", &FixedPoint::hls4ml_type)
      .def(
          "encode",
          [](const FixedPoint& t, const AnyDouble& values) {
            return elementwise<double, std::int64_t>(values, [&t](double v) { return t.encode(v); });
          },
          py::arg("values"), "The integer codes of real values, int64, same shape. NaN is a ValueError.")
      .def(
          "decode",
          [](const FixedPoint& t, const AnyCode& codes) {
            return elementwise<std::int64_t, double>(codes, [&t](std::int64_t c) { return t.decode(c); });
          },
          py::arg("codes"), "The real values of integer codes, float64, same shape.")
      .def(
          "quantize",
          [](const FixedPoint& t, const AnyDouble& values) {
            return elementwise<double, double>(values, [&t](double v) { return t.quantize(v); });
          },
          py::arg("values"), "decode(encode(values)), float64, same shape.")
      .def(
          "requantize",
          [](const FixedPoint& t, const AnyCode& codes, int from_fraction) {
            return elementwise<std::int64_t, std::int64_t>(
                codes, [&](std::int64_t c) { return t.requantize(c, from_fraction); });
          },
          py::arg("codes"), py::arg("from_fraction"),
          "The codes in this type of codes with `from_fraction` fraction bits, by integer arithmetic alone.")
      .def(
          "to_dict",
          [](const FixedPoint& t) {
            py::dict d;
            d["bits"] = t.bits;
            d["integer"] = t.integer;
            d["is_signed"] = t.is_signed;
            d["rounding"] = to_string(t.rounding);
            d["overflow"] = to_string(t.overflow);
            if (t.digits > 0) d["digits"] = t.digits;
            return d;
          },
          "The fields, for JSON; from_dict gives the type back. digits is there where limited.")
      .def(py::self == py::self)
      .def("__hash__", [](const FixedPoint& t) { return py::hash(py::str(t.ap_type())); })
      .def("__reduce__",
           [](const FixedPoint& t) {
             return py::make_tuple(py::type::of<FixedPoint>(),
                                   py::make_tuple(t.bits, t.integer, t.is_signed, to_string(t.rounding),
                                                  to_string(t.overflow), t.digits));
           })
      .def("__repr__", [](const FixedPoint& t) {
        return concat("FixedPoint(", t.bits, ", ", t.integer, ", is_signed=", t.is_signed ? "True" : "False",
                      ", rounding='", to_string(t.rounding), "', overflow='", to_string(t.overflow), "'",
                      t.digits > 0 ? concat(", digits=", t.digits) : "", ")");
      });
}

}  // namespace qkd::bind
