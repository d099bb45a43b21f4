// What hls4ml's oneAPI projects use of SYCL and Intel's FPGA extensions, one task after the other on the
// caller's thread: enough to compute with their C++ where Intel's icpx is not to be had.
#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <stdexcept>
#include <vector>

#define SYCL_EXTERNAL

namespace sycl {

using exception = std::exception;
using exception_list = std::vector<std::exception_ptr>;

namespace property::queue {
struct enable_profiling {};
}  // namespace property::queue

class queue {
 public:
  template <class Selector, class Handler, class Properties>
  queue(Selector, Handler, Properties) {}
  template <class Name, class Kernel>
  void single_task(const Kernel& kernel) {
    kernel();
  }
  void wait() {}
};

namespace ext::oneapi::experimental {

struct properties_tag {};
template <class... Values>
struct properties {
  explicit properties(Values...) {}
};

}  // namespace ext::oneapi::experimental

namespace ext::intel {

inline constexpr int fpga_emulator_selector_v = 0;

namespace experimental {

template <int>
inline constexpr int ready_latency = 0;
template <class...>
inline constexpr int streaming_interface = 0;
template <class...>
inline constexpr int pipelined = 0;

// One a name. Reading what nobody wrote would wait for ever: it is an error.
template <class Name, class Data, std::int32_t capacity = 0, class Properties = void, class = void>
class pipe {
 public:
  static void write(const Data& data) { words().push_back(data); }
  static void write(queue&, const Data& data) { write(data); }
  static Data read() {
    if (words().empty()) throw std::logic_error("a pipe is read before it is written");
    const Data data = words().front();
    words().pop_front();
    return data;
  }
  static Data read(queue&) { return read(); }

 private:
  static std::deque<Data>& words() {
    static std::deque<Data> words;
    return words;
  }
};

template <auto& function>
class task_sequence {
 public:
  template <class... Arguments>
  void async(const Arguments&... arguments) {
    function(arguments...);
  }
};

}  // namespace experimental
}  // namespace ext::intel
}  // namespace sycl
