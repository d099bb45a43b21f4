#pragma once
#include "fixed/layer.h"

namespace qkd::fixed {

// dst (..., width) = the row of `table` (rows, width), codes of the result type, that each code of src (...)
// names; zeros where it names none, since nothing but the source's type bounds what hardware is given.
class Embedding final : public Layer {
 public:
  Embedding(std::string name, int rows, std::vector<std::int64_t> table, FixedPoint result_type);
  Reach reach(std::span<const Tensor> src) const override;
  std::unique_ptr<Step> bind(std::span<const Tensor> src) const override;

 private:
  int rows_;
  std::vector<std::int64_t> table_;
};

}  // namespace qkd::fixed
