// The GIL given up for a while, and taken again for a while, by threads that outlive the interpreter.
//
// A daemon thread may compute while the interpreter ends. Before Python 3.14 such a thread is unwound where
// it asks for the GIL, and unwinding from a destructor is std::terminate. So at exit the main thread waits
// until those that are away have come back, or stand still: from then on they never ask.
#pragma once
#include <pybind11/pybind11.h>

#include <optional>

namespace qkd::bind {

namespace py = pybind11;

// Registers with atexit what waits for the threads that are away.
void end_with_interpreter();

// Whether the interpreter ends, and not by this thread: the time to stop.
bool interpreter_ends();

// py::gil_scoped_release.
class Released {
 public:
  Released();
  ~Released();
  Released(const Released&) = delete;
  Released& operator=(const Released&) = delete;

 private:
  std::optional<py::gil_scoped_release> released_;
};

// py::gil_scoped_acquire, within a Released.
class Held {
 public:
  Held();
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

 private:
  std::optional<py::gil_scoped_acquire> held_;
};

}  // namespace qkd::bind
