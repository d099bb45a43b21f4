// All trainable numbers of a graph in flat blocks, so that optimisers, pruning and quantising are loops over
// spans.
//
// `value` is what the optimiser moves (the latent, unquantised number); `effective` is what the layers
// compute with: quantised and masked.
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/key.h"
#include "base/shape.h"
#include "base/simd/kernels.h"
#include "nn/learned_bits.h"
#include "quant/fixed_point.h"
#include "quant/scaled_quantizer.h"

namespace qkd::nn {

// Keras's initialisers: uniform in +-sqrt(scale / fan), see keras.initializers.VarianceScaling.
enum class Initializer { zeros, ones, glorot_uniform, lecun_uniform, he_uniform, random_uniform };
Initializer initializer_from(const std::string& name);

// What is added to the loss: l1 * sum |w| + l2 * sum w^2 (Keras's L1L2), of the latent values.
struct Regularizer {
  float l1 = 0, l2 = 0;
};

struct ParamSpec {
  std::string name;  // fc1/kernel
  Shape shape;       // the last axis counts outputs
  Initializer initializer = Initializer::zeros;
  std::optional<FixedPoint> type{};
  bool prunable = false;  // kernels are, biases are not
  bool trainable = true;  // moving statistics are not
  Regularizer regularizer{};
  std::shared_ptr<const ScaledQuantizer> scaled{};  // in place of a type: its step depends on the values
  std::optional<LearnedBits> learned{};  // in place of a type: another tensor holds its fraction bits
};

struct Param {
  ParamSpec spec;
  std::size_t offset, size;  // in every flat block
  std::optional<simd::FakeQuantizer> quantizer;
  bool masked = false;
  std::optional<std::size_t> fraction{};      // index of the tensor of its fraction bits
  std::optional<LearnedBits> fractions_of{};  // this is such a tensor, NAME_fraction, behind all others
};

class Params {
 public:
  explicit Params(std::vector<ParamSpec> specs);

  const std::vector<Param>& list() const { return list_; }
  std::size_t count() const;  // of numbers, without padding and without fraction bits

  std::span<float> value(const Param& p) { return {value_.data() + p.offset, p.size}; }
  std::span<const float> value(const Param& p) const { return {value_.data() + p.offset, p.size}; }
  std::span<float> gradient(const Param& p) { return {gradient_.data() + p.offset, p.size}; }
  std::span<const float> mask(const Param& p) const { return {mask_.data() + p.offset, p.size}; }

  // The numbers that the layers compute with; refreshed by `refresh`. The address never changes: that of the
  // values themselves where nothing quantises them, for what a mask takes out of those is zero there.
  const float* effective(std::size_t index) const {
    const Param& p = list_[index];
    return (is_quantised(p) ? effective_ : value_).data() + p.offset;
  }
  // The same in float64, from the latent values by the types' definitions.
  std::vector<double> exact(std::size_t index) const;
  float* gradient_at(std::size_t index) { return gradient_.data() + list_[index].offset; }

  // Draws the initial values: each tensor from its own child key.
  void initialize(Key key);

  // Of one tensor; what its mask takes out becomes zero. To be followed by `refresh`.
  void set_value(std::size_t index, std::span<const float> numbers);
  // Sets a mask of zeros and ones; the values under its zeros become zero and stay so.
  void set_mask(std::size_t index, std::span<const float> mask);
  void clear_mask(std::size_t index);

  // Gradients of the fraction bits from those of their kernels; costs[i] is what a bit of a weight of tensor
  // i adds to the loss (empty: nothing).
  void learn_fractions(std::span<const double> costs);

  // Adds the regularisers' gradients; returns their loss.
  double regularize();

  // effective = quantised value, times mask.
  void refresh();

 private:
  void mask_out(const Param& p);
  static bool is_quantised(const Param& p) { return p.quantizer || p.spec.scaled || p.fraction; }
  LearnedKernel learned(const Param& p) const;
  void append(ParamSpec spec);

  std::vector<Param> list_;
  std::size_t end_ = 0;  // of the flat blocks
  Buffer<float> value_, gradient_, mask_, effective_;
};

}  // namespace qkd::nn
