#include "nn/lifetimes.h"

#include <algorithm>

#include "nn/graph.h"

namespace qkd::nn {
namespace {

std::size_t tensor_of(int source) { return static_cast<std::size_t>(source + 1); }

std::size_t floats(const Graph& graph, std::size_t tensor, int batch) {
  return static_cast<std::size_t>(batch) * graph.shape(static_cast<int>(tensor) - 1).size();
}

ToldBy clip_told_by(const Graph& graph, std::size_t node) {
  return graph.nodes()[node].layer->takes_clip_backward(graph.source_shapes(node));
}

}  // namespace

Lifetimes::Lifetimes(const Graph& graph, int batch, bool training, Arena& arena,
                     std::span<const Workspace> workspaces) {
  find_readers(graph);
  share(graph, training);
  over_.assign(readers_.size(), 0);
  if (!workspaces.empty()) reserve_workspaces(graph, workspaces, arena);
  if (training) reserve_diffs(graph, batch, arena);
  reserve_data(graph, batch, training, arena);
  if (training) place_diffs();
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
    if (training && keeps_dst(graph, t - 1)) return false;
  }
  return true;
}

void Lifetimes::share(const Graph& graph, bool training) {
  const std::size_t n = graph.nodes().size();
  parent_.resize(n + 1);
  fused_.assign(n, false);
  fuses_.assign(n, false);
  passes_on_.assign(n, false);
  takes_clip_.assign(n, false);
  clipped_.assign(n, false);
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
    if (training && node.layer->clip()) pass_clip_on(graph, i);
  }
}

// To the source that applies the clip, where it can tell from its own source what was clipped, or to the only
// reader: a maximum that was clipped tells that all of its window was.
void Lifetimes::pass_clip_on(const Graph& graph, std::size_t node) {
  if (fused_[node]) {
    const auto before = static_cast<std::size_t>(graph.nodes()[node].sources[0]);
    passes_on_[node] = graph.nodes()[before].layer->fuses_clip_backward();
  }
  if (passes_on_[node] || node + 1 == graph.nodes().size() || readers_[node + 1].size() != 1) return;
  const std::size_t reader = readers_[node + 1].front();
  if (clip_told_by(graph, reader) != ToldBy::nothing) passes_on_[node] = takes_clip_[reader] = true;
}

bool Lifetimes::keeps_dst(const Graph& graph, std::size_t node) const {
  if (takes_clip_[node] && clip_told_by(graph, node) == ToldBy::dst) return true;
  return graph.nodes()[node].layer->keeps().dst && !passes_on_[node];
}

// The nodes whose backward pass reads this memory.
std::vector<std::size_t> Lifetimes::backward_readers(const Graph& graph, std::size_t memory) const {
  std::vector<std::size_t> found;
  for (std::size_t t = memory; t < parent_.size(); ++t) {
    if (root(t) != memory) continue;
    if (t > 0 && learns_[t] && keeps_dst(graph, t - 1))
      found.push_back(clipped_[t - 1] ? readers_[t].front() : t - 1);
    for (const std::size_t reader : readers_[t])
      if (learns_[reader + 1] && graph.nodes()[reader].layer->keeps().src) found.push_back(reader);
  }
  return found;
}

// Its node can write it again in little time, and nothing else has changed it since.
bool Lifetimes::may_recompute(const Graph& graph, std::size_t tensor) const {
  if (tensor == 0 || root(tensor) != tensor || tensor == root(parent_.size() - 1) || !learns_[tensor])
    return false;
  const Node& node = graph.nodes()[tensor - 1];
  constexpr double kLittle = 0.01;  // of a forward pass
  const auto recomputes = [&](std::size_t n) {
    const Layer& layer = *graph.nodes()[n].layer;
    const Shapes srcs = graph.source_shapes(n);
    return layer.recomputes(srcs) && layer.products(srcs) <= kLittle * graph.products();
  };
  if (!recomputes(tensor - 1) || !node.layer->keeps().src) return false;
  // A source that is kept saves the memory of a normalisation's result, in less time.
  if (std::ranges::any_of(readers_[tensor], recomputes)) return false;
  for (std::size_t t = tensor + 1; t < parent_.size(); ++t)
    if (root(t) == tensor && !fused_[t - 1] && graph.nodes()[t - 1].layer->place() != Place::alias)
      return false;
  return true;
}

// A node works in the forward pass, in the backward pass, and where its result is computed again.
void Lifetimes::reserve_workspaces(const Graph& graph, std::span<const Workspace> workspaces, Arena& arena) {
  const int n = static_cast<int>(graph.nodes().size());
  std::vector<int> last(readers_.size(), 0);
  for (std::size_t t = 0; t < readers_.size(); ++t)
    for (const std::size_t reader : readers_[t])
      last[root(t)] = std::max(last[root(t)], static_cast<int>(reader));
  for (int i = 0; i < n; ++i) {
    const auto node = static_cast<std::size_t>(i);
    const bool again = graph.nodes()[node].layer->recomputes(graph.source_shapes(node));
    const int begin = again ? std::max(i, last[root(node + 1)]) : i;
    const Arena::Life forward{i, i}, backward{2 * n - i, 2 * n - i};
    scratch_.push_back(
        arena.reserve(workspaces[node].scratch, {forward, Arena::Life{2 * n - begin, backward.last}}));
    packed_.push_back(arena.reserve_once(workspaces[node].packed, {forward, backward}));
  }
}

void Lifetimes::reserve_data(const Graph& graph, int batch, bool training, Arena& arena) {
  const int n = static_cast<int>(graph.nodes().size());
  const std::size_t tensors = static_cast<std::size_t>(n) + 1;
  std::vector<int> last(tensors, 0);  // in the forward pass
  for (std::size_t t = 0; t < tensors; ++t) {
    int end = t + 1 == tensors ? n : static_cast<int>(t) - 1;
    for (const std::size_t reader : readers_[t]) end = std::max(end, static_cast<int>(reader));
    last[root(t)] = std::max(last[root(t)], end);
  }
  data_.resize(tensors);
  kept_.resize(tensors);
  revives_.resize(static_cast<std::size_t>(n));
  std::vector<Twice> candidates;
  std::vector<bool> candidate(tensors, false);
  for (std::size_t t = 0; t < tensors; ++t) {
    if (root(t) != t) continue;
    const bool outside = t == 0 || t == root(tensors - 1);
    const std::size_t size = outside ? 0 : floats(graph, t, batch);
    const int first = static_cast<int>(t) - 1;
    const std::vector<std::size_t> readers =
        training ? backward_readers(graph, t) : std::vector<std::size_t>();
    if (readers.empty()) {
      data_[t] = kept_[t] = arena.reserve(size, first, last[t]);
      continue;
    }
    const auto [least, most] = std::ranges::minmax(readers);
    const int until = std::max(2 * n - static_cast<int>(least), over_[t]);
    candidate[t] = may_recompute(graph, t);  // and what its node reads is there
    if (candidate[t])
      for (const int s : graph.nodes()[t - 1].sources)
        if (candidate[root(tensor_of(s))]) candidate[t] = false;
    if (candidate[t])
      candidates.push_back({t, most, size, first, last[t], 2 * n - static_cast<int>(most), until});
    else
      data_[t] = kept_[t] = arena.reserve(size, first, std::max(last[t], until));
  }
  recompute_where_needed(candidates, arena);
}

// Computing again takes time, so a tensor is kept where that does not raise what a step needs at its peak:
// the later ones, whose wait is shorter, first.
void Lifetimes::recompute_where_needed(const std::vector<Twice>& candidates, Arena& arena) {
  if (candidates.empty()) return;
  const auto time = [](int t) { return static_cast<std::size_t>(t); };
  std::vector<std::size_t> load = arena.load();
  const auto shards = static_cast<std::size_t>(arena.shards());
  const auto add = [&](const Twice& c, int from, int to) {
    if (load.size() <= time(to)) load.resize(time(to) + 1);
    for (std::size_t t = time(from); t <= time(to); ++t) load[t] += shards * c.size;
  };
  for (const Twice& c : candidates) {
    add(c, c.first, c.forward_end);
    add(c, c.backward, c.last);
  }
  const std::size_t peak = std::ranges::max(load);
  for (std::size_t k = candidates.size(); k-- > 0;) {
    const Twice& c = candidates[k];
    bool fits = true;
    for (std::size_t t = time(c.forward_end) + 1; t < time(c.backward); ++t)
      fits = fits && load[t] + shards * c.size <= peak;
    if (fits) {
      add(c, c.forward_end + 1, c.backward - 1);
      data_[c.tensor] = kept_[c.tensor] = arena.reserve(c.size, c.first, c.last);
    } else {
      data_[c.tensor] = arena.reserve(c.size, c.first, c.forward_end);
      kept_[c.tensor] = arena.reserve(c.size, c.backward, c.last);
      revives_[c.reader].push_back(c.tensor - 1);
    }
  }
}

// Of all edges that write the gradient of a source, in the order of the backward pass.
bool Lifetimes::is_last_to_add(const Graph& graph, std::size_t node, std::size_t source) const {
  const std::vector<int>& sources = graph.nodes()[node].sources;
  const auto later = sources.begin() + static_cast<std::ptrdiff_t>(source) + 1;
  return readers_[tensor_of(sources[source])].front() == node &&
         std::find(later, sources.end(), sources[source]) == sources.end();
}

// A clip that does its own gradient, in the memory of its result's.
bool Lifetimes::clips_over_itself(const Graph& graph, std::size_t node) const {
  const Layer& layer = *graph.nodes()[node].layer;
  return layer.clip() && layer.place() == Place::over && !passes_on_[node];
}

// It does the gradient of a clip whose result nobody else reads, and reads that last: then it may write over
// it.
bool Lifetimes::writes_diff_over(const Graph& graph, std::size_t node) const {
  return takes_clip_[node] && clip_told_by(graph, node) == ToldBy::src;
}

void Lifetimes::reserve_diffs(const Graph& graph, int batch, Arena& arena) {
  const int n = static_cast<int>(graph.nodes().size());
  diff_.resize(static_cast<std::size_t>(n) + 1);
  // A gradient that lies where the reader's does is alive as long as both; so lifetimes are known from the
  // output back, and reserved when the chain that shares them ends.
  std::vector<bool> has(diff_.size(), false);
  const auto make = [&](std::size_t tensor, int first, int last) {
    memories_.push_back({floats(graph, tensor, batch), first, last});
    return memories_.size() - 1;
  };
  std::ranges::fill(diff_, make(static_cast<std::size_t>(n), n, 2 * n - (n - 1)));
  memories_.back().size = 0;
  has.back() = true;
  for (int i = n - 1; i >= 0; --i) {
    const auto node = static_cast<std::size_t>(i);
    if (!learns_[node + 1]) continue;
    const Place place = graph.nodes()[node].layer->place();
    const std::size_t own = diff_[node + 1];
    const int now = 2 * n - i;
    for (std::size_t k = 0; k < edges_[node].size(); ++k) {
      const std::size_t t = tensor_of(graph.nodes()[node].sources[k]);
      Edge& edge = edges_[node][k];
      edge.wanted = learns_[t];
      if (!edge.wanted) continue;
      const bool here = k == 0 && place != Place::own;  // over the reader's own gradient
      edge.adds = has[t];
      if (edge.adds) {
        edge.clips = is_last_to_add(graph, node, k) && t > 0 && clips_over_itself(graph, t - 1);
        if (edge.clips) clipped_[t - 1] = true;
        edge.handle = here ? own : make(t, now, now);
        continue;
      }
      has[t] = true;
      const int until = 2 * n - (static_cast<int>(t) - 1);
      diff_[t] = here ? own : make(t, now, until);
      Memory& memory = memories_[diff_[t]];
      if (!here && writes_diff_over(graph, node)) memory.over = root(t);
      memory.last = std::max(memory.last, until);
      edge.handle = diff_[t];
    }
  }
  for (Memory& m : memories_)
    if (m.over > 0)
      over_[m.over] = m.last;
    else
      m.handle = arena.reserve(m.size, m.first, m.last);
}

// Until here diff_ and the edges had indices of memories.
void Lifetimes::place_diffs() {
  for (Memory& m : memories_)
    if (m.over > 0) m.handle = kept_[m.over];
  for (std::size_t& diff : diff_) diff = memories_[diff].handle;
  for (std::vector<Edge>& edges : edges_)
    for (Edge& edge : edges) edge.handle = memories_[edge.handle].handle;
}

}  // namespace qkd::nn
