#include "fixed/dense.h"

namespace qkd::fixed {

Dense::Dense(std::string name, int n_in, Weights weights, FixedPoint result_type)
    : Layer(std::move(name), result_type), n_in_(n_in), weights_(std::move(weights)) {
  require(!weights_.bias.empty() &&
              weights_.weights.size() == static_cast<std::size_t>(n_in) * weights_.bias.size(),
          this->name(), "weights must be (n_in, n_out) and bias (n_out,)");
}

Reach Dense::reach(std::span<const Tensor> src) const {
  require(src[0].shape == Shape{n_in_}, name(), "takes values of shape ", Shape{n_in_}.text(), "; gets ",
          src[0].shape.text());
  return weights_.reach(Shape{static_cast<int>(weights_.bias.size())}, src[0].type, src[0].codes, name());
}

std::unique_ptr<Step> Dense::bind(std::span<const Tensor> src) const {
  return step([sums = Sums(weights_, src[0].type, reach(src).partial)](auto from, auto* dst) {
    sums.forward(from[0], dst);
  });
}

}  // namespace qkd::fixed
