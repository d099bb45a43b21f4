// Layers describe, steps compute. A Layer is an immutable description that any number of plans may share;
// `bind` gives the Step of one plan, with its memory and primitives inside.
#pragma once
#include <cmath>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/shape.h"
#include "nn/params.h"
#include "nn/scratch.h"

namespace qkd::nn {

using Shapes = std::vector<Shape>;

// What one pass through a plan is told.
struct Pass {
  Key key{0};  // of Dropout: another one every step
};

// A tensor that a step reads, (batch, shape) row-major. diff is null when the plan only infers, and where
// nothing before it can learn; where it is not, the step writes d loss / d source there.
struct Source {
  Shape shape;
  const float* data;
  float* diff = nullptr;
  const float* kept = nullptr;  // the same numbers for the backward pass: there they may lie elsewhere
};

// max(low, min(x, high)): ReLU, ReLU6 and their kin.
struct Clip {
  float low, high;

  // Where clipped numbers alone are left, the gradient passes for low < number <= this: one that equals the
  // upper end was clipped.
  float passes_to() const { return std::isfinite(high) ? std::nextafter(high, low) : high; }
};

// The memory that a step works on: one shard of the batch.
struct Binding {
  int batch;  // samples of this shard
  int first;  // the shard's first sample, in the whole batch
  int whole;  // samples of all shards
  std::vector<Source> srcs;
  Shape dst_shape;
  float* dst;
  const float* kept_dst = nullptr;  // as Source::kept
  float* again = nullptr;           // where `recompute` writes
  const float* diff_dst = nullptr;
  std::vector<const float*> params{};  // effective values, in the order of Layer::params
  std::vector<float*> gradients{};     // this shard's share; the plan adds them up in the order of the shards
  bool adds_up = false;          // or, of the first parameter, the sum of all shards', which the step adds up
  std::vector<float*> values{};  // latent values: for parameters that the layer itself keeps
  Scratch* scratch = nullptr;    // of this shard, while it computes
  Scratch* packed = nullptr;     // of all shards, where the step prepares()
  const Pass* pass = nullptr;
  bool training = false;
  std::optional<Clip> clip{};         // an activation that follows in place, which this step applies too
  std::optional<Clip> clip_before{};  // one that made src, whose gradient is this step's task
  bool centred = false;               // the only reader of dst centres it: a bias changes nothing

  const float* src() const { return srcs[0].data; }
  const float* kept_src() const { return srcs[0].kept; }
  float* diff_src() const { return srcs[0].diff; }
  const Shape& src_shape() const { return srcs[0].shape; }
  bool biased() const { return params.size() > 1; }
};

// A bias's gradient, the sums of diff_dst's columns (rows, columns): exactly zero where the reader centres.
void bias_gradient(const Binding& b, int rows, int columns);

// One layer at work on one plan, shard by shard. A stage begins when the one before has ended on every shard.
class Step {
 public:
  virtual ~Step() = default;
  virtual int stages() const { return 1; }
  virtual int backward_stages() const { return stages(); }
  virtual bool prepares() const { return false; }  // whether the next two do something
  virtual void prepare_forward() {}                // once before the shards
  virtual void prepare_backward(int /*stage*/) {}  // once before the shards' stage, of backward_stages()
  virtual void forward(int stage, int shard) = 0;
  // Writes the sources' diff (where bound) and the gradients of the parameters.
  virtual void backward(int stage, int shard) = 0;
  // Writes dst's numbers of the last forward pass again, bit for bit, to Binding::again.
  virtual void recompute(int /*shard*/) {}
  // What it holds beside the plan's memory and grows with the batch or with the layer's kernel.
  virtual std::size_t own_bytes() const { return 0; }
};

// A step whose shards know nothing of each other: Part has forward() and backward(), recompute() where its
// layer recomputes, and own_bytes() where it holds memory.
template <typename Part>
class Shards final : public Step {
 public:
  template <typename... Arguments>
  explicit Shards(std::span<const Binding> bindings, const Arguments&... arguments) {
    for (const Binding& b : bindings) parts_.push_back(std::make_unique<Part>(b, arguments...));
  }
  void forward(int, int shard) override { parts_[static_cast<std::size_t>(shard)]->forward(); }
  void backward(int, int shard) override { parts_[static_cast<std::size_t>(shard)]->backward(); }
  void recompute(int shard) override {
    if constexpr (requires(Part& p) { p.recompute(); }) parts_[static_cast<std::size_t>(shard)]->recompute();
  }
  std::size_t own_bytes() const override {
    std::size_t bytes = 0;
    if constexpr (requires(const Part& p) { p.own_bytes(); })
      for (const auto& p : parts_) bytes += p->own_bytes();
    return bytes;
  }

 private:
  std::vector<std::unique_ptr<Part>> parts_;
};

// One evaluation in float64, of samples together.
struct Evaluation {
  int batch;
  Shapes shapes;
  std::vector<std::span<const double>> srcs;
  std::vector<std::span<const double>> params;  // in the order of Layer::params
  std::span<double> dst;
  bool training = false;
  Pass pass{};

  std::size_t samples() const { return static_cast<std::size_t>(batch); }
  const Shape& shape() const { return shapes[0]; }
  std::span<const double> src() const { return srcs[0]; }
};

// What of its tensors a step still reads in the backward pass; the rest is given up after the forward pass.
struct Keeps {
  bool src = true, dst = false;
};

// Where a step that does the gradient of a clip before it sees what was clipped: its own result, or its
// source.
enum class ToldBy { nothing, dst, src };

// How dst may lie in memory.
enum class Place {
  own,    // apart from the sources
  over,   // over the first source, element by element, where nobody else needs that
  alias,  // the first source's numbers under another shape: nothing is computed
};

class Layer {
 public:
  explicit Layer(std::string name) : name_(std::move(name)) {}
  virtual ~Layer() = default;
  const std::string& name() const { return name_; }

  // The shape of the result; throws ValueError, naming this layer, for sources that do not fit.
  virtual Shape infer(const Shapes& srcs) const = 0;

  virtual std::vector<ParamSpec> params(const Shapes& /*srcs*/) const { return {}; }

  // Multiplications a sample: what the plan cuts the batch by.
  virtual double products(const Shapes& /*srcs*/) const { return 0; }

  virtual Keeps keeps() const { return {}; }
  virtual Place place() const { return Place::own; }
  virtual std::optional<Clip> clip() const { return std::nullopt; }  // where that is all that it does
  virtual bool fuses_clip() const { return false; }                  // obeys Binding::clip
  virtual bool fuses_clip_backward() const { return false; }         // in the backward pass, too
  // A clip before it may leave its gradient to this layer: it obeys Binding::clip_before. Told by its source,
  // it may write the source's gradient over it.
  virtual ToldBy takes_clip_backward(const Shapes& /*srcs*/) const { return ToldBy::nothing; }
  // In training it takes each channel's mean over the batch off its source.
  virtual bool centres() const { return false; }
  // Whether its step adds the first parameter's gradients of the shards up where that saves memory: it obeys
  // Binding::adds_up.
  virtual bool adds_up(const Shapes& /*srcs*/) const { return false; }
  // Whether Step::recompute is there and worth while: dst need not be kept for the backward pass. It reads
  // src, with scratch but nothing packed, and nothing that its own backward pass changes.
  virtual bool recomputes(const Shapes& /*srcs*/) const { return false; }

  virtual std::unique_ptr<Step> bind(std::span<const Binding> shards) const = 0;

  // The definition in float64, loop by loop: what `forward` must give up to rounding, and exactly what the
  // frozen integers give while every sum fits 53 bits. Outside training no sample's result depends on
  // another's.
  virtual void evaluate(const Evaluation& e) const = 0;

 protected:
  // The only source's shape; an error for more of them.
  const Shape& only(const Shapes& srcs) const;

 private:
  std::string name_;
};

}  // namespace qkd::nn
