// A row of a table for every number: src (...,) of integers 0 .. rows - 1 to dst (..., width).
#pragma once
#include "nn/layer.h"

namespace qkd::nn {

class Embedding final : public Layer {
 public:
  Embedding(std::string name, int rows, int width, ParamSpec table = {});

  Shape infer(const Shapes& srcs) const override;
  std::vector<ParamSpec> params(const Shapes& srcs) const override;
  std::unique_ptr<Step> bind(std::span<const Binding> shards) const override;
  void evaluate(const Evaluation& e) const override;

 private:
  int rows_, width_;
  ParamSpec table_;
};

}  // namespace qkd::nn
