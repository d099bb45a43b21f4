// Frozen layers describe, steps run: a layer is an immutable value; `bind` fits it to its sources and returns
// the step that computes.
//
// Codes travel in blocks of sixteen samples side by side, (elements, 16), one vector an element: 32-bit where
// every value of the network fits them, else 64-bit. Both come from one source.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/simd/kernels.h"
#include "fixed/tensor.h"

namespace qkd::fixed {

inline constexpr std::size_t kLanes = simd::kEmulatorLanes;

class Step {
 public:
  virtual ~Step() = default;
  virtual void forward(std::span<const std::int32_t* const> src, std::int32_t* dst) const = 0;
  virtual void forward(std::span<const std::int64_t* const> src, std::int64_t* dst) const = 0;
};

// A step from one function object that takes codes of either width.
template <typename Forward>
class StepOf final : public Step {
 public:
  explicit StepOf(Forward forward) : forward_(std::move(forward)) {}
  void forward(std::span<const std::int32_t* const> src, std::int32_t* dst) const override {
    forward_(src, dst);
  }
  void forward(std::span<const std::int64_t* const> src, std::int64_t* dst) const override {
    forward_(src, dst);
  }

 private:
  Forward forward_;
};
template <typename Forward>
std::unique_ptr<Step> step(Forward forward) {
  return std::make_unique<StepOf<Forward>>(std::move(forward));
}

class Layer {
 public:
  Layer(std::string name, FixedPoint result_type) : name_(std::move(name)), result_type_(result_type) {}
  virtual ~Layer() = default;

  const std::string& name() const { return name_; }
  const FixedPoint& result_type() const { return result_type_; }

  virtual std::size_t sources() const { return 1; }
  // Throws ValueError, naming the layer, for sources that it cannot take.
  virtual Reach reach(std::span<const Tensor> src) const = 0;
  // For sources that `reach` took.
  virtual std::unique_ptr<Step> bind(std::span<const Tensor> src) const = 0;

 private:
  std::string name_;
  FixedPoint result_type_;
};

}  // namespace qkd::fixed
