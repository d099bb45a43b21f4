// A graph bound to one batch size: a list of steps and one block of memory. Build it, then only compute.
#pragma once
#include <memory>
#include <vector>

#include "base/arena.h"
#include "nn/layer.h"

namespace qkd::nn {

class Graph;

class Plan {
 public:
  Plan(Graph& graph, int batch, bool training);

  int batch() const { return batch_; }
  float* src() { return arena_.at(src_); }            // (batch, input): to be filled before forward
  float* dst() { return arena_.at(dst_); }            // (batch, output): the logits
  float* diff_dst() { return arena_.at(diff_dst_); }  // to be filled before backward

  void forward();
  void backward();

  std::size_t arena_bytes() const { return arena_.size() * sizeof(float); }

 private:
  int batch_;
  Arena arena_;
  Arena::Handle src_ = 0, dst_ = 0, diff_dst_ = 0;
  std::vector<std::unique_ptr<Step>> steps_;
  std::size_t first_trained_ = 0;  // backward stops here
};

}  // namespace qkd::nn
