// Where a plan's tensors lie: which of them share memory, and from when to when each is alive.
//
// Tensor t is the result of node t - 1; tensor 0 is the input. Time: node i runs forward at i, the loss reads
// the output and writes its gradient at n, node i runs backward at 2n - i.
#pragma once
#include <span>
#include <vector>

#include "base/arena.h"

namespace qkd::nn {

class Graph;

class Lifetimes {
 public:
  Lifetimes() = default;
  // What a node works with while it runs, in floats: each shard, and all of them together.
  struct Workspace {
    std::size_t scratch = 0, packed = 0;
  };
  // Reserves everything in the arena, for `batch` samples a shard, and the nodes' workspaces where they are
  // given; but what holds the input, the output and its gradient gets no room there: callers have these for
  // the whole batch.
  Lifetimes(const Graph& graph, int batch, bool training, Arena& arena,
            std::span<const Workspace> workspaces = {});

  struct Edge {  // what a node writes for one of its sources
    bool wanted = false;
    bool adds = false;   // another reader has written the source's gradient before: it is added
    bool clips = false;  // the last to be added to a clip's result: the clip's own gradient is done with it
    Arena::Handle handle = 0;  // where it is written
  };

  Arena::Handle data(std::size_t tensor) const { return data_[root(tensor)]; }
  // Where the backward pass reads it: elsewhere if it is given up after the forward pass and computed again.
  Arena::Handle kept(std::size_t tensor) const { return kept_[root(tensor)]; }
  bool recomputed(std::size_t tensor) const { return kept(tensor) != data(tensor); }
  // Nodes whose results must be there again before this one runs backward.
  const std::vector<std::size_t>& revives(std::size_t node) const { return revives_[node]; }
  Arena::Handle scratch(std::size_t node) const { return scratch_[node]; }  // where workspaces were given
  Arena::Handle packed(std::size_t node) const { return packed_[node]; }
  Arena::Handle diff(std::size_t tensor) const { return diff_[tensor]; }
  Arena::Handle input() const { return data_[0]; }
  Arena::Handle output() const { return data(data_.size() - 1); }
  Arena::Handle output_diff() const { return diff_.back(); }
  const Edge& edge(std::size_t node, std::size_t source) const { return edges_[node][source]; }
  bool learns(std::size_t node) const { return learns_[node + 1]; }  // whether it runs backward
  bool fused(std::size_t node) const { return fused_[node]; }        // its clip is done by its source
  bool fuses(std::size_t node) const { return fuses_[node]; }        // it does its reader's clip
  // A clip whose gradient another step takes care of: its own backward pass does nothing.
  bool passes_on(std::size_t node) const { return passes_on_[node] || clipped_[node]; }
  bool takes_clip(std::size_t node) const { return takes_clip_[node]; }  // the step before passes on to it
  std::size_t reader(std::size_t node) const { return readers_[node + 1].front(); }
  bool has_one_reader(std::size_t node) const { return readers_[node + 1].size() == 1; }

 private:
  // What gradients lie in: of a tensor, or of several that overwrite one another.
  struct Memory {
    std::size_t size;
    int first, last;
    std::size_t over = 0;  // the tensor whose memory this is, or 0: it has its own
    Arena::Handle handle = 0;
  };
  // A tensor that may be given up after `forward_end` and computed again for `reader`, at `backward`.
  struct Twice {
    std::size_t tensor, reader, size;
    int first, forward_end, backward, last;
  };

  std::size_t root(std::size_t tensor) const;
  void find_readers(const Graph& graph);
  void share(const Graph& graph, bool training);
  void pass_clip_on(const Graph& graph, std::size_t node);
  bool keeps_dst(const Graph& graph, std::size_t node) const;
  std::vector<std::size_t> backward_readers(const Graph& graph, std::size_t memory) const;
  bool may_recompute(const Graph& graph, std::size_t tensor) const;
  bool may_overwrite(const Graph& graph, std::size_t node, bool training) const;
  void reserve_workspaces(const Graph& graph, std::span<const Workspace> workspaces, Arena& arena);
  void reserve_data(const Graph& graph, int batch, bool training, Arena& arena);
  void recompute_where_needed(const std::vector<Twice>& candidates, Arena& arena);
  bool is_last_to_add(const Graph& graph, std::size_t node, std::size_t source) const;
  bool clips_over_itself(const Graph& graph, std::size_t node) const;
  bool writes_diff_over(const Graph& graph, std::size_t node) const;
  void reserve_diffs(const Graph& graph, int batch, Arena& arena);
  void place_diffs();

  std::vector<std::vector<std::size_t>> readers_;  // of a tensor, in order; twice where a node reads it twice
  std::vector<std::size_t> parent_;                // tensors that share memory
  std::vector<bool> learns_, fused_, fuses_, passes_on_, takes_clip_, clipped_;
  std::vector<std::vector<std::size_t>> revives_;
  std::vector<Arena::Handle> data_, kept_, diff_, scratch_, packed_;
  std::vector<Memory> memories_;
  std::vector<int> over_;  // of a tensor whose memory its gradient takes: when nobody reads that any more
  std::vector<std::vector<Edge>> edges_;
};

}  // namespace qkd::nn
