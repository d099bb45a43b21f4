// What the search climbs: the logarithm of the expected improvement, plus the log probability that every
// black-box constraint is met.
#pragma once
#include <Eigen/Core>
#include <functional>
#include <memory>
#include <vector>

#include "bayes/improvement.h"
#include "bayes/posterior.h"
#include "bayes/space.h"

namespace qkd::bayes {

// Costs (m) of canonical codes (m, D).
using Cost = std::function<VectorXd(const MatrixXd& codes)>;

struct Limit {
  const Posterior* violation;
  double threshold;  // met where the violation is not above it
};

class Acquisition {
 public:
  // `improvement` null: only feasibility counts. What is pointed to must outlive this.
  Acquisition(const Space& space, std::vector<const Posterior*> objectives,
              std::unique_ptr<Improvement> improvement, std::vector<Limit> limits, Cost cost);

  VectorXd operator()(const MatrixXd& codes) const;  // canonical codes (m, D)
  // Values that are not below those above, in O(m n).
  VectorXd bound(const MatrixXd& codes) const;

  // At features x (P) of a code; fills the gradient in the features (P), the cost taken to be constant.
  double at(const VectorXd& x, double cost, VectorXd& gradient) const;
  double cost_of(const RowVectorXd& code) const { return cost_ ? cost_(code)[0] : 0; }

  // The shortest length scale of each feature (P), at most 1.
  const VectorXd& lengths() const { return lengths_; }

 private:
  VectorXd gains(const std::vector<Posterior::Batch>& batches, const MatrixXd& codes) const;

  const Space& space_;
  std::vector<const Posterior*> objectives_;
  std::unique_ptr<Improvement> improvement_;
  std::vector<Limit> limits_;
  Cost cost_;
  VectorXd lengths_;
};

}  // namespace qkd::bayes
