#include "bayes/kernel.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace qkd::bayes {

Eigen::Index theta_size(const Features& features) {
  return static_cast<Eigen::Index>(features.size()) + 2 +
         2 * std::ranges::count_if(features, &Feature::warped);
}

Kernel::Kernel(Features features, const VectorXd& theta)
    : features_(std::move(features)),
      categorical_(static_cast<Eigen::Index>(features_.size())),
      curves_(MatrixXd::Zero(2, static_cast<Eigen::Index>(features_.size()))) {
  const Eigen::Index p_all = curves_.cols();
  precisions_ = (-2 * theta.head(p_all).array()).exp();
  signal_ = std::exp(theta[p_all]);
  noise_ = std::exp(theta[p_all + 1]) + kNoiseFloor;
  for (Eigen::Index p = 0, at = p_all + 2; p < p_all; ++p) {
    categorical_[p] = features_[static_cast<std::size_t>(p)].categorical;
    if (!features_[static_cast<std::size_t>(p)].warped) continue;
    curves_.col(p) = theta.segment(at, 2);
    at += 2;
  }
}

MatrixXd Kernel::warped(const MatrixXd& x) const {
  const auto m = static_cast<int>(x.rows());
  MatrixXd w = MatrixXd::Zero(simd::padded(m), x.cols());
  w.topRows(m) = x;
  for (Eigen::Index p = 0; p < w.cols(); ++p) {
    if (features_[static_cast<std::size_t>(p)].warped) warp(w.col(p).head(m), curves_(0, p), curves_(1, p));
  }
  return w;
}

}  // namespace qkd::bayes
