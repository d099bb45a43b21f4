// The Gaussian process given its observations: mean and variance of the noise-free function, and their
// gradients.
//
// Notation as in map.h; L = chol K, V = L^-1 k(X, x): mean = c + k'a, variance = s2 - |V|^2.
#pragma once
#include <Eigen/Core>

#include "bayes/kernel.h"
#include "bayes/map.h"

namespace qkd::bayes {

class Posterior {
 public:
  // Throws ValueError where K is not positive definite even with a jitter of 1e-4 s2.
  Posterior(Observations seen, const VectorXd& theta);

  struct Batch {
    VectorXd mean, variance;  // (m)
  };
  Batch predict(const MatrixXd& x) const;  // features (m, P)

  struct Local {
    double mean, variance;
    VectorXd mean_slope, variance_slope;  // (P); 0 for categories
  };
  Local predict_with_slopes(const VectorXd& x) const;  // features (P)

  // The lowest mean at an observation without noise of its own (at any, where all have some): the incumbent.
  double incumbent() const;

  const Observations& seen() const { return seen_; }
  const Kernel& kernel() const { return kernel_; }
  const VectorXd& theta() const { return theta_; }

 private:
  Observations seen_;
  VectorXd theta_;
  Kernel kernel_;
  MatrixXd cholesky_;
  VectorXd a_;
  double c_ = 0;
};

}  // namespace qkd::bayes
