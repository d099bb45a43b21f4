#include "nn/plan.h"

#include <algorithm>

#include "base/check.h"
#include "base/threads.h"
#include "nn/graph.h"

namespace qkd::nn {
namespace {

// The batch is cut by what it costs, never by the threads at hand, so that the bits do not depend on them.
int shards_for(int batch, double products) {
  constexpr double kLeast = 1e6;  // multiplications that make a shard worth its start
  const int most = batch <= 64 ? 2 : batch <= 128 ? 4 : 8;
  return std::clamp(static_cast<int>(batch * products / kLeast), 1, std::min(most, batch));
}

// Gradients of up to this many floats are kept for every shard and layer, and added up once.
constexpr std::size_t kSmall = 1 << 18;

// Workspaces of more floats than this are worth a place of their own among the tensors.
constexpr std::size_t kLarge = 1 << 18;

// Room behind what kernels read in whole vectors.
constexpr std::size_t kSlack = simd::kSlack;

}  // namespace

Plan::Plan(Graph& graph, int batch, bool training) : batch_(batch), training_(training) {
  require(batch > 0, "Plan", "a batch must hold at least one sample; got ", batch);
  const int shards = shards_for(batch, graph.products());
  for (int s = 0; s <= shards; ++s)
    begin_.push_back(static_cast<int>(static_cast<long long>(batch) * s / shards));
  build(graph, {});
  // What the steps work with is known once they are bound. Where it is much, it lies where tensors are not
  // alive.
  const std::vector<Lifetimes::Workspace> wanted = workspaces();
  Lifetimes::Workspace most;
  for (const Lifetimes::Workspace& w : wanted) {
    most.scratch = std::max(most.scratch, w.scratch);
    most.packed = std::max(most.packed, w.packed);
  }
  if (training && most.packed + static_cast<std::size_t>(shards) * most.scratch > kLarge) {
    build(graph, wanted);
    place_workspaces_in_arena();
  } else {
    place_workspaces(most);
  }
  forward_runs_ = runs(false);
  if (training) backward_runs_ = runs(true);
}

void Plan::build(Graph& graph, std::span<const Lifetimes::Workspace> workspaces) {
  arena_ = Arena(shards());
  // All shards have the layout of the largest: which tensors are computed again depends on sizes.
  const int largest = (batch_ + shards() - 1) / shards();
  tensors_ = Lifetimes(graph, largest, training_, arena_, workspaces);
  arena_.allocate();
  if (steps_.empty()) {  // the same whatever the workspaces are
    place(graph);
    if (training_) place_partials(graph);
  }
  if (training_) place_sums(graph);
  bind(graph);
}

float* Plan::at(int shard, Arena::Handle handle, std::size_t size) {
  const std::size_t first = static_cast<std::size_t>(begin_[static_cast<std::size_t>(shard)]) * size;
  if (handle == tensors_.input()) return src_.data() + first;
  if (handle == tensors_.output()) return dst_ + first;
  if (training_ && handle == tensors_.output_diff()) return diff_dst_.data() + first;
  return arena_.at(handle, shard);
}

void Plan::place(const Graph& graph) {
  const auto batch = static_cast<std::size_t>(batch_);
  src_ = Buffer<float>(batch * graph.input().size() + kSlack);
  const bool same = tensors_.output() == tensors_.input();  // nothing but reshaping
  if (!same) output_ = Buffer<float>(batch * graph.output().size() + kSlack);
  dst_ = same ? src_.data() : output_.data();
  if (training_) diff_dst_ = Buffer<float>(batch * graph.output().size() + kSlack);
}

void Plan::place_sums(const Graph& graph) {
  const std::size_t n = graph.nodes().size();
  sums_.assign(n, std::vector<std::vector<Sum>>(static_cast<std::size_t>(shards())));
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t k = 0; k < graph.nodes()[i].sources.size(); ++k) {
      const Lifetimes::Edge& edge = tensors_.edge(i, k);
      const int source = graph.nodes()[i].sources[k];
      const std::size_t size = graph.shape(source).size(), tensor = static_cast<std::size_t>(source + 1);
      if (!edge.wanted || !edge.adds) continue;
      for (int shard = 0; shard < shards(); ++shard) {
        Sum sum{at(shard, tensors_.diff(tensor), size), at(shard, edge.handle, size),
                static_cast<std::size_t>(samples(shard)) * size};
        if (edge.clips) {
          sum.clipped = at(shard, tensors_.kept(tensor), size);
          sum.clip = *graph.nodes()[tensor - 1].layer->clip();
        }
        sums_[i][static_cast<std::size_t>(shard)].push_back(sum);
      }
    }
}

void Plan::place_partials(const Graph& graph) {
  Params& params = const_cast<Graph&>(graph).params();
  const std::size_t n = graph.nodes().size(), others = static_cast<std::size_t>(shards()) - 1;
  std::size_t all = 0;
  for (const Param& param : params.list()) all += param.size;
  keeps_partials_ = all * others <= kSmall;
  gradients_.resize(n);
  partial_at_.resize(params.list().size());
  std::size_t offset = 0, end = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (!keeps_partials_) offset = 0;
    const std::vector<std::size_t>& own = graph.params_of(i);
    for (std::size_t k = adds_up(graph, i) ? 1 : 0; k < own.size(); ++k) {
      const Param& param = params.list()[own[k]];
      partial_at_[own[k]] = offset;
      if (param.spec.trainable) gradients_[i].push_back({params.gradient_at(own[k]), param.size, offset});
      offset += others * param.size;
    }
    end = std::max(end, offset);
  }
  partials_ = Buffer<float>(end);
}

// Whether a node's step adds the gradients of its first parameter up, and not the plan.
bool Plan::adds_up(const Graph& graph, std::size_t node) const {
  return training_ && !keeps_partials_ && graph.nodes()[node].layer->adds_up(graph.source_shapes(node));
}

Binding Plan::binding(const Graph& graph, std::size_t node, int shard) {
  Params& params = const_cast<Graph&>(graph).params();
  const Shape& dst_shape = graph.shape(static_cast<int>(node));
  Binding b{samples(shard), begin_[static_cast<std::size_t>(shard)],
            batch_,         {},
            dst_shape,      at(shard, tensors_.data(node + 1), dst_shape.size())};
  b.kept_dst = at(shard, tensors_.kept(node + 1), dst_shape.size());
  if (tensors_.recomputed(node + 1)) b.again = at(shard, tensors_.kept(node + 1), dst_shape.size());
  for (std::size_t k = 0; k < graph.nodes()[node].sources.size(); ++k) {
    const int source = graph.nodes()[node].sources[k];
    const Shape& shape = graph.shape(source);
    Source s{shape, at(shard, tensors_.data(static_cast<std::size_t>(source + 1)), shape.size())};
    s.kept = at(shard, tensors_.kept(static_cast<std::size_t>(source + 1)), shape.size());
    if (training_ && tensors_.edge(node, k).wanted)
      s.diff = at(shard, tensors_.edge(node, k).handle, shape.size());
    b.srcs.push_back(std::move(s));
  }
  if (training_ && tensors_.learns(node)) b.diff_dst = at(shard, tensors_.diff(node + 1), dst_shape.size());
  b.adds_up = adds_up(graph, node);
  for (std::size_t k = 0; k < graph.params_of(node).size(); ++k) {
    const std::size_t p = graph.params_of(node)[k];
    const Param& param = params.list()[p];
    b.params.push_back(params.effective(p));
    b.values.push_back(params.value(param).data());
    const bool is_total = shard == 0 || !training_ || (b.adds_up && k == 0);
    b.gradients.push_back(is_total ? params.gradient_at(p) : partial(partial_at_[p], param.size, shard));
  }
  b.scratch = &scratch_[node][static_cast<std::size_t>(shard)];
  b.packed = &packed_[node];
  b.pass = &pass_;
  b.training = training_;
  if (tensors_.takes_clip(node))
    b.clip_before = graph.nodes()[static_cast<std::size_t>(graph.nodes()[node].sources[0])].layer->clip();
  b.centred =
      training_ && tensors_.has_one_reader(node) && graph.nodes()[tensors_.reader(node)].layer->centres();
  if (tensors_.fuses(node)) b.clip = graph.nodes()[tensors_.reader(node)].layer->clip();
  return b;
}

void Plan::bind(const Graph& graph) {
  const SingleThread single;
  const std::size_t n = graph.nodes().size();
  scratch_.assign(n, std::vector<Scratch>(static_cast<std::size_t>(shards())));
  packed_.assign(n, {});
  steps_.clear();
  for (std::size_t i = 0; i < n; ++i) {
    std::vector<Binding> bindings;
    for (int s = 0; s < shards(); ++s) bindings.push_back(binding(graph, i, s));
    steps_.push_back(graph.nodes()[i].layer->bind(bindings));
  }
}

std::vector<Lifetimes::Workspace> Plan::workspaces() const {
  std::vector<Lifetimes::Workspace> found;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    found.push_back({0, packed_[i].size()});
    for (const Scratch& s : scratch_[i]) found.back().scratch = std::max(found.back().scratch, s.size());
  }
  return found;
}

// All nodes of a shard use the same memory.
void Plan::place_workspaces(const Lifetimes::Workspace& most) {
  for (int s = 0; s < shards(); ++s) scratch_memory_.emplace_back(most.scratch);
  packed_memory_ = Buffer<float>(most.packed);
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    for (std::size_t s = 0; s < scratch_[i].size(); ++s) scratch_[i][s].place(scratch_memory_[s].data());
    packed_[i].place(packed_memory_.data());
  }
}

// Each node's lies by itself.
void Plan::place_workspaces_in_arena() {
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    for (int s = 0; s < shards(); ++s)
      scratch_[i][static_cast<std::size_t>(s)].place(arena_.at(tensors_.scratch(i), s));
    packed_[i].place(arena_.at(tensors_.packed(i)));
  }
}

std::vector<Plan::Run> Plan::runs(bool backward) const {
  std::vector<Run> runs;
  bool joins = false;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const std::size_t node = backward ? steps_.size() - 1 - i : i;
    const int stages = backward ? steps_[node]->backward_stages() : steps_[node]->stages();
    const bool alone =
        stages > 1 || steps_[node]->prepares() || (backward && !keeps_partials_ && !gradients_[node].empty());
    if (joins && !alone)
      runs.back().last = i + 1;
    else
      runs.push_back({i, i + 1});
    joins = !alone;
  }
  return runs;
}

void Plan::forward(Pass pass) {
  pass_ = pass;
  for (const Run& run : forward_runs_) {
    steps_[run.first]->prepare_forward();
    for (int stage = 0; stage < steps_[run.first]->stages(); ++stage)
      parallel(shards(), [&](int shard) {
        for (std::size_t i = run.first; i < run.last; ++i)
          if (!tensors_.fused(i)) steps_[i]->forward(stage, shard);
      });
  }
}

void Plan::Sum::add() const {
  const simd::Kernels& kernels = simd::kernels();
  for (std::size_t at = 0; at < size; at += simd::kNear) {
    const std::size_t n = std::min(simd::kNear, size - at);
    kernels.add(n, target + at, more + at, target + at);
    if (clipped) kernels.pass_between(n, clipped + at, clip.low, clip.passes_to(), target + at, target + at);
  }
}

void Plan::backward() {
  const std::size_t n = steps_.size();
  for (const Run& run : backward_runs_) {
    Step& head = *steps_[n - 1 - run.first];
    const bool learns = tensors_.learns(n - 1 - run.first);
    for (int stage = 0; stage < head.backward_stages(); ++stage) {
      if (learns) head.prepare_backward(stage);
      parallel(shards(), [&](int shard) {
        for (std::size_t i = run.first; i < run.last; ++i) {
          const std::size_t node = n - 1 - i;
          if (!tensors_.learns(node)) continue;
          if (stage == 0)
            for (const std::size_t source : tensors_.revives(node)) steps_[source]->recompute(shard);
          if (!tensors_.passes_on(node)) steps_[node]->backward(stage, shard);
          if (stage + 1 < steps_[node]->backward_stages()) continue;
          for (const Sum& sum : sums_[node][static_cast<std::size_t>(shard)]) sum.add();
        }
      });
    }
    if (!keeps_partials_ && learns) add_partial_gradients(n - 1 - run.first);
  }
  if (keeps_partials_)
    for (std::size_t i = 0; i < n; ++i)
      if (tensors_.learns(i)) add_partial_gradients(i);
}

void Plan::add_partial_gradients(std::size_t node) {
  const simd::Kernels& kernels = simd::kernels();
  if (shards() == 1) return;
  for (const Gradient& g : gradients_[node])
    in_pieces(g.size, [&](std::size_t at, std::size_t count) {
      for (int shard = 1; shard < shards(); ++shard)
        kernels.add(count, g.total + at, partial(g.partials, g.size, shard) + at, g.total + at);
    });
}

std::size_t Plan::arena_bytes() const {
  std::size_t floats = src_.size() + output_.size() + diff_dst_.size() + partials_.size() + arena_.size();
  floats += packed_memory_.size();
  for (const Buffer<float>& s : scratch_memory_) floats += s.size();
  std::size_t bytes = floats * sizeof(float);
  for (const auto& step : steps_) bytes += step->own_bytes();
  return bytes;
}

}  // namespace qkd::nn
