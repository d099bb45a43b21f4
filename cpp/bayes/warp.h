// Input warping: a monotone curve of [0, 1] for each feature, which the kernel learns with its length scales.
//
// Kumaraswamy's distribution function, w = 1 - (1 - u^a)^b (Snoek et al., "Input warping for Bayesian
// optimization of non-stationary functions", ICML 2014), on u = kEdge + (1 - 2 kEdge) x: at 0 and 1 the curve
// itself may be infinitely steep.
#pragma once
#include <Eigen/Core>

namespace qkd::bayes {

struct Warped {
  double w;
  double by_x, by_log_a, by_log_b;  // its derivatives
};
Warped warp(double x, double log_a, double log_b);

// Of a column of many, in passes that use the vector unit; log u comes from `log_inside` (n).
struct WarpedColumn {
  Eigen::ArrayXd w, by_log_a, by_log_b;  // (n)
};
Eigen::ArrayXd log_inside(const Eigen::Ref<const Eigen::ArrayXd>& x);
Eigen::ArrayXd warp(const Eigen::Ref<const Eigen::ArrayXd>& log_u, double log_a, double log_b);
WarpedColumn warp_with_slopes(const Eigen::Ref<const Eigen::ArrayXd>& log_u, double log_a, double log_b);

}  // namespace qkd::bayes
