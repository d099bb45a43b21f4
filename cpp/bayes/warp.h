// Input warping: a monotone curve of [0, 1] for each feature, which the kernel learns with its length scales.
//
// Kumaraswamy's distribution function, w = 1 - (1 - u^a)^b (Snoek et al., "Input warping for Bayesian
// optimization of non-stationary functions", ICML 2014), on u = kEdge + (1 - 2 kEdge) x: at 0 and 1 the curve
// itself may be infinitely steep.
#pragma once
#include <Eigen/Core>

namespace qkd::bayes {

using Eigen::VectorXd;

struct Warped {
  double w;
  double by_x, by_log_a, by_log_b;  // its derivatives
};
Warped warp(double x, double log_a, double log_b);

// Of columns (n), in passes that use the vector unit; log u comes from `log_inside` (n).
VectorXd log_inside(const Eigen::Ref<const VectorXd>& x);
void warp(Eigen::Ref<VectorXd> x_to_w, double log_a, double log_b);
void warp_with_slopes(const Eigen::Ref<const VectorXd>& log_u, double log_a, double log_b,
                      Eigen::Ref<VectorXd> w, Eigen::Ref<VectorXd> by_log_a, Eigen::Ref<VectorXd> by_log_b);

}  // namespace qkd::bayes
