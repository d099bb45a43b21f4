// Layers of several sources: Add, and Concatenate along the last axis.
#pragma once
#include "nn/layer.h"

namespace qkd::nn {

class Add final : public Layer {
 public:
  using Layer::Layer;
  Shape infer(const Shapes& srcs) const override;
  Keeps keeps() const override { return {false, false}; }
  Place place() const override { return Place::over; }
  bool fuses_clip() const override { return true; }
  std::unique_ptr<Step> bind(std::span<const Binding> shards) const override;
  void evaluate(const Evaluation& e) const override;
};

class Concatenate final : public Layer {
 public:
  using Layer::Layer;
  Shape infer(const Shapes& srcs) const override;
  Keeps keeps() const override { return {false, false}; }
  std::unique_ptr<Step> bind(std::span<const Binding> shards) const override;
  void evaluate(const Evaluation& e) const override;
};

}  // namespace qkd::nn
