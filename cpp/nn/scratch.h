// Memory for intermediate numbers that nobody needs after the call: shared by all steps of a plan.
#pragma once
#include <algorithm>

#include "base/buffer.h"

namespace qkd::nn {

class Scratch {
 public:
  void reserve(std::size_t floats) { wanted_ = std::max(wanted_, floats); }
  void allocate() { memory_ = Buffer<float>(wanted_); }
  float* data() { return memory_.data(); }
  std::size_t size() const { return memory_.size(); }

 private:
  std::size_t wanted_ = 0;
  Buffer<float> memory_;
};

}  // namespace qkd::nn
