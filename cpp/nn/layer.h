// Layers describe, steps compute. A Layer is an immutable description that any number of plans may share;
// `bind` gives the Step of one plan, with its memory and primitives inside.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/shape.h"
#include "nn/params.h"

namespace qkd::nn {

// One layer at work on one batch size. Names are oneDNN's: dst = layer(src), diff_src = d loss / d src.
class Step {
 public:
  virtual ~Step() = default;
  virtual void forward() = 0;
  virtual void backward() = 0;  // writes diff_src (where bound) and the gradients of its parameters
};

// The memory that a step works on, (batch, shape) row-major. diff_* are null when the plan only infers, and
// diff_src is null where nothing before this layer can learn.
struct Binding {
  int batch;
  Shape src_shape, dst_shape;
  const float* src;
  float* dst;
  const float* diff_dst = nullptr;
  float* diff_src = nullptr;
  std::vector<const float*> params{};  // effective values, in the order of Layer::params
  std::vector<float*> gradients{};
};

class Layer {
 public:
  explicit Layer(std::string name) : name_(std::move(name)) {}
  virtual ~Layer() = default;
  const std::string& name() const { return name_; }

  // The shape of the result; throws ValueError, naming this layer, for a source that does not fit.
  virtual Shape infer(const Shape& src) const = 0;

  virtual std::vector<ParamSpec> params(const Shape& /*src*/) const { return {}; }

  virtual std::unique_ptr<Step> bind(const Binding& binding) const = 0;

  // The definition in float64, loop by loop: what `forward` must give up to rounding, and exactly what the
  // frozen integers give while every sum fits 53 bits. `params` are in the order of Layer::params.
  virtual void evaluate(int batch, const Shape& src_shape, std::span<const double> src,
                        std::span<const std::vector<double>> params, std::span<double> dst) const = 0;

 private:
  std::string name_;
};

}  // namespace qkd::nn
