// The hyper-parameters with the highest posterior density (MAP), found in log space.
//
// Notation: K = k(X, X) + diag(noise + extra); the constant mean c has an N(0, 1) prior and is profiled:
// c = 1'K^-1 y / (1'K^-1 1 + 1); r = y - c; a = K^-1 r. The objective is minus
//   -1/2 r'a - 1/2 log|K| - c^2/2 + log p(theta),   its gradient 1/2 tr((a a' - K^-1) dK/dt) + d log p/dt
// (Rasmussen and Williams 2006, equation 5.9). Priors: log l ~ N(log .5 + .25 log P, .9^2),
// log s2 ~ N(.3, .7^2), log noise ~ N(-6, 2^2), log a, log b ~ N(0, .35^2).
#pragma once
#include <Eigen/Core>
#include <vector>

#include "bayes/bfgs.h"
#include "bayes/kernel.h"

namespace qkd::bayes {

// What the process is told: features x (n, P), standardised outputs y (n), and for each trial the variance of
// its own noise beyond the common one (n).
struct Observations {
  MatrixXd x;
  Features features;  // P
  VectorXd y;
  VectorXd extra;
};

class MapObjective {
 public:
  explicit MapObjective(const Observations& seen);

  // Minus the log posterior density, up to a constant; +inf where K is not positive definite.
  double operator()(const VectorXd& theta, VectorXd& gradient);

 private:
  void warp_columns(const VectorXd& theta);
  VectorXd warp_gradient(const Kernel& kernel);

  const Observations& seen_;
  std::vector<Eigen::Index> warped_;  // W features
  MatrixXd distances_;  // (n (n - 1) / 2, P): each feature's squared distance, pairs by column of the lower
                        // triangle
  MatrixXd log_u_;      // of the warped features (n, W)
  // Scratch, so that an evaluation allocates nothing that grows with n.
  MatrixXd w_, by_log_a_, by_log_b_;  // of the warped features (n, W)
  VectorXd k_, slope_;                // of the pairs
  VectorXd y_, ones_, white_y_, white_one_, a_;
  MatrixXd cholesky_, inverse_root_, inverse_;  // (padded n, padded n), the second by row
};

Box theta_box(const Features& features);
// The fixed starts: smooth and quiet, rough and noisy.
std::vector<VectorXd> theta_starts(const Features& features);

// The end of the descent from the fixed start that is the better one after a few steps.
Minimum fit(const Observations& seen);
// The end of the descent from where a fit to fewer trials ended.
Minimum fit(const Observations& seen, const Minimum& last);

}  // namespace qkd::bayes
