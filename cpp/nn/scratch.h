// Memory for intermediate numbers that nobody needs after the call. A step asks for it while it is bound, and
// has it when every step is.
#pragma once
#include <algorithm>
#include <cstddef>

namespace qkd::nn {

class Scratch {
 public:
  void reserve(std::size_t floats) { size_ = std::max(size_, floats); }
  void place(float* memory) { memory_ = memory; }
  float* data() { return memory_; }
  std::size_t size() const { return size_; }  // floats asked for

 private:
  std::size_t size_ = 0;
  float* memory_ = nullptr;
};

}  // namespace qkd::nn
