// A graph bound to one batch size: a list of steps and one block of memory. Build it, then only compute.
#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "base/arena.h"
#include "nn/layer.h"
#include "nn/lifetimes.h"

namespace qkd::nn {

class Graph;

class Plan {
 public:
  Plan(Graph& graph, int batch, bool training);

  int batch() const { return batch_; }
  int shards() const { return static_cast<int>(begin_.size()) - 1; }
  float* src() { return src_.data(); }            // (batch, input): to be filled before forward
  float* dst() { return dst_; }                   // (batch, output): the logits
  float* diff_dst() { return diff_dst_.data(); }  // to be filled before backward

  void forward(Pass pass = {});
  void backward();

  // Activations, their gradients and workspace: all but the parameters and what belongs to them.
  std::size_t arena_bytes() const;

 private:
  // target += what a second reader of one tensor gave; it then passes where `clipped`, what a clip made,
  // says.
  struct Sum {
    float* target;
    const float* more;
    std::size_t size;
    const float* clipped = nullptr;
    Clip clip{};

    void add() const;
  };
  struct Run {  // steps that a shard can do one after the other, without waiting for another
    std::size_t first, last;
  };

  Binding binding(const Graph& graph, std::size_t node, int shard);
  void place(const Graph& graph);
  void place_sums(const Graph& graph);
  void place_partials(const Graph& graph);
  bool adds_up(const Graph& graph, std::size_t node) const;
  // A shard's share, but the first's, of a gradient of `size` floats whose shares begin `at` there.
  float* partial(std::size_t at, std::size_t size, int shard) {
    return partials_.data() + at + static_cast<std::size_t>(shard - 1) * size;
  }
  // Where a shard's part of a tensor lies; a sample of it has `size` numbers.
  float* at(int shard, Arena::Handle handle, std::size_t size);
  void build(Graph& graph, std::span<const Lifetimes::Workspace> workspaces);
  void bind(const Graph& graph);
  void place_workspaces(const Lifetimes::Workspace& most);
  void place_workspaces_in_arena();
  std::vector<Lifetimes::Workspace> workspaces() const;
  std::vector<Run> runs(bool backward) const;
  void add_partial_gradients(std::size_t node);
  int samples(int shard) const {
    return begin_[static_cast<std::size_t>(shard) + 1] - begin_[static_cast<std::size_t>(shard)];
  }

  int batch_;
  bool training_;
  Pass pass_;
  std::vector<int> begin_;  // of each shard, and the end
  Lifetimes tensors_;
  Arena arena_;
  Buffer<float> src_, output_, diff_dst_;
  float* dst_ = nullptr;
  std::vector<std::size_t> partial_at_;  // [param] its gradient's shares in partials_
  Buffer<float> partials_;
  bool keeps_partials_ = false;  // small networks: all nodes' at once, added up at the end
  std::vector<std::vector<std::vector<Sum>>> sums_;  // [node][shard]
  std::vector<std::vector<Scratch>> scratch_;        // [node][shard]
  std::vector<Scratch> packed_;                      // [node]
  std::vector<Buffer<float>> scratch_memory_;        // of each shard; empty where the arena holds it
  Buffer<float> packed_memory_;
  std::vector<std::unique_ptr<Step>> steps_;
  std::vector<Run> forward_runs_, backward_runs_;
  struct Gradient {
    float* total;
    std::size_t size, partials;  // floats; where the shares begin
  };
  std::vector<std::vector<Gradient>> gradients_;  // of each node's trainable parameters
};

}  // namespace qkd::nn
