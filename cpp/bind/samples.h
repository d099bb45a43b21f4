// Samples from Python: an array, or a function that gives the rows that it is asked for.
#pragma once
#include <pybind11/stl.h>

#include <utility>
#include <variant>

#include "bind/arrays.h"
#include "bind/exclusive.h"
#include "train/data.h"

namespace qkd::bind {

// While one of these lives, this thread feeds the engine.
class Feeding {
 public:
  Feeding() : before_(std::exchange(feeds_the_engine, true)) {}
  ~Feeding() { feeds_the_engine = before_; }
  Feeding(const Feeding&) = delete;
  Feeding& operator=(const Feeding&) = delete;

 private:
  bool before_;
};

using Source = std::variant<Array<float>, py::function>;

// A view on `source`, which must outlive it; the GIL is taken for every fetch.
inline train::Samples to_samples(const Source& source) {
  if (const auto* array = std::get_if<Array<float>>(&source)) return view<float>(*array, "x");
  const auto& fetch = std::get<py::function>(source);
  return train::Samples([&fetch](std::span<const std::uint32_t> rows, std::span<float> dst) {
    const Held held;
    const Feeding feeding;
    const py::object fetched = fetch(to_array<std::uint32_t>(rows, {static_cast<py::ssize_t>(rows.size())}));
    require(py::isinstance<py::array>(fetched), "x", "a source must give arrays");
    const auto values = view<float>(py::reinterpret_borrow<py::array>(fetched), "x");
    require(values.size() == dst.size(), "x", "a source must give ", dst.size(), " numbers for ", rows.size(),
            " rows; got ", values.size());
    std::ranges::copy(values, dst.begin());
  });
}

}  // namespace qkd::bind
