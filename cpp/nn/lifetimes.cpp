#include "nn/lifetimes.h"

#include <algorithm>

#include "nn/graph.h"

namespace qkd::nn {
namespace {

std::size_t tensor_of(int source) { return static_cast<std::size_t>(source + 1); }

std::size_t floats(const Graph& graph, std::size_t tensor, int batch) {
  return static_cast<std::size_t>(batch) * graph.shape(static_cast<int>(tensor) - 1).size();
}

}  // namespace

Lifetimes::Lifetimes(const Graph& graph, int batch, bool training, Arena& arena) {
  find_readers(graph);
  share(graph, training);
  reserve_data(graph, batch, training, arena);
  if (training) reserve_diffs(graph, batch, arena);
}

std::size_t Lifetimes::root(std::size_t tensor) const {
  while (parent_[tensor] != tensor) tensor = parent_[tensor];
  return tensor;
}

void Lifetimes::find_readers(const Graph& graph) {
  const std::size_t n = graph.nodes().size();
  readers_.resize(n + 1);
  learns_.assign(n + 1, false);
  edges_.resize(n);
  for (std::size_t i = 0; i < n; ++i) {
    for (const std::size_t p : graph.params_of(i))
      if (graph.params().list()[p].spec.trainable) learns_[i + 1] = true;
    for (const int s : graph.nodes()[i].sources) {
      readers_[tensor_of(s)].push_back(i);
      if (learns_[tensor_of(s)]) learns_[i + 1] = true;
    }
    edges_[i].resize(graph.nodes()[i].sources.size());
  }
}

// A node may write over its first source where nobody reads the old numbers any more: not another reader, and
// in training not the backward pass of anything that shares this memory.
bool Lifetimes::may_overwrite(const Graph& graph, std::size_t node, bool training) const {
  const Layer& layer = *graph.nodes()[node].layer;
  if (layer.place() != Place::over || (training && layer.keeps().src)) return false;
  const std::size_t memory = root(tensor_of(graph.nodes()[node].sources[0]));
  if (memory == 0) return false;  // the caller's input
  for (std::size_t t = 1; t <= node; ++t) {
    if (root(t) != memory) continue;
    if (readers_[t].size() != 1) return false;
    if (training && graph.nodes()[t - 1].layer->keeps().dst) return false;
  }
  return true;
}

void Lifetimes::share(const Graph& graph, bool training) {
  const std::size_t n = graph.nodes().size();
  parent_.resize(n + 1);
  fused_.assign(n, false);
  fuses_.assign(n, false);
  for (std::size_t t = 0; t <= n; ++t) parent_[t] = t;
  for (std::size_t i = 0; i < n; ++i) {
    const Node& node = graph.nodes()[i];
    const int source = node.sources[0];
    const bool over = may_overwrite(graph, i, training);
    if (over || node.layer->place() == Place::alias) parent_[i + 1] = tensor_of(source);
    if (over && source >= 0 && node.layer->clip()) {
      const std::size_t before = static_cast<std::size_t>(source);
      if (graph.nodes()[before].layer->fuses_clip()) fused_[i] = fuses_[before] = true;
    }
  }
}

void Lifetimes::reserve_data(const Graph& graph, int batch, bool training, Arena& arena) {
  const int n = static_cast<int>(graph.nodes().size());
  const std::size_t tensors = static_cast<std::size_t>(n) + 1;
  std::vector<int> last(tensors, 0);
  for (std::size_t t = 0; t < tensors; ++t) {
    int end = t + 1 == tensors ? n : static_cast<int>(t) - 1;
    for (const std::size_t reader : readers_[t]) {
      const int i = static_cast<int>(reader);
      const bool kept = training && learns_[reader + 1] && graph.nodes()[reader].layer->keeps().src;
      end = std::max(end, kept ? 2 * n - i : i);
    }
    const bool keeps = t > 0 && training && learns_[t] && graph.nodes()[t - 1].layer->keeps().dst;
    if (keeps) end = std::max(end, 2 * n - (static_cast<int>(t) - 1));
    last[root(t)] = std::max(last[root(t)], end);
  }
  data_.resize(tensors);
  for (std::size_t t = 0; t < tensors; ++t)
    if (root(t) == t) {
      const bool outside = t == 0 || t == root(tensors - 1);
      data_[t] = arena.reserve(outside ? 0 : floats(graph, t, batch), static_cast<int>(t) - 1, last[t]);
    }
}

void Lifetimes::reserve_diffs(const Graph& graph, int batch, Arena& arena) {
  const int n = static_cast<int>(graph.nodes().size());
  diff_.resize(static_cast<std::size_t>(n) + 1);
  // A gradient that lies where the reader's does is alive as long as both; so lifetimes are known from the
  // output back, and reserved when the chain that shares them ends.
  struct Memory {
    std::size_t size;
    int first, last;
  };
  std::vector<Memory> memories;
  std::vector<std::size_t> memory_of(diff_.size());
  std::vector<bool> has(diff_.size(), false);
  std::vector<std::vector<std::size_t>> edge_memory(static_cast<std::size_t>(n));
  const auto make = [&](std::size_t tensor, int first, int last) {
    memories.push_back({floats(graph, tensor, batch), first, last});
    return memories.size() - 1;
  };
  memory_of.back() = make(static_cast<std::size_t>(n), n, 2 * n - (n - 1));
  memories.back().size = 0;
  has.back() = true;
  for (int i = n - 1; i >= 0; --i) {
    const auto node = static_cast<std::size_t>(i);
    edge_memory[node].resize(edges_[node].size());
    if (!learns_[node + 1]) continue;
    const Place place = graph.nodes()[node].layer->place();
    const std::size_t own = memory_of[node + 1];
    const int now = 2 * n - i;
    for (std::size_t k = 0; k < edges_[node].size(); ++k) {
      const std::size_t t = tensor_of(graph.nodes()[node].sources[k]);
      Edge& edge = edges_[node][k];
      edge.wanted = learns_[t];
      if (!edge.wanted) continue;
      const bool here = k == 0 && place != Place::own;  // over the reader's own gradient
      edge.adds = has[t];
      if (edge.adds) {
        edge_memory[node][k] = here ? own : make(t, now, now);
        continue;
      }
      has[t] = true;
      const int until = 2 * n - (static_cast<int>(t) - 1);
      memory_of[t] = here ? own : make(t, now, until);
      memories[memory_of[t]].last = std::max(memories[memory_of[t]].last, until);
      edge_memory[node][k] = memory_of[t];
    }
  }
  std::vector<Arena::Handle> handles;
  for (const Memory& m : memories) handles.push_back(arena.reserve(m.size, m.first, m.last));
  for (std::size_t t = 0; t < diff_.size(); ++t) diff_[t] = has[t] ? handles[memory_of[t]] : handles.back();
  for (std::size_t i = 0; i < edges_.size(); ++i)
    for (std::size_t k = 0; k < edges_[i].size(); ++k)
      if (edges_[i][k].wanted) edges_[i][k].handle = handles[edge_memory[i][k]];
}

}  // namespace qkd::nn
