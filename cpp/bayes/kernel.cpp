#include "bayes/kernel.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "bayes/warp.h"

namespace qkd::bayes {

Eigen::Index theta_size(const Features& features) {
  return static_cast<Eigen::Index>(features.size()) + 2 +
         2 * std::ranges::count_if(features, &Feature::warped);
}

Kernel::Kernel(Features features, const VectorXd& theta)
    : features_(std::move(features)),
      curves_(MatrixXd::Zero(2, static_cast<Eigen::Index>(features_.size()))) {
  const Eigen::Index p_all = curves_.cols();
  precisions_ = (-2 * theta.head(p_all).array()).exp();
  signal_ = std::exp(theta[p_all]);
  noise_ = std::exp(theta[p_all + 1]) + kNoiseFloor;
  for (Eigen::Index p = 0, at = p_all + 2; p < p_all; ++p) {
    if (!features_[static_cast<std::size_t>(p)].warped) continue;
    curves_.col(p) = theta.segment(at, 2);
    at += 2;
  }
}

MatrixXd Kernel::warped(const MatrixXd& x) const {
  MatrixXd w = x;
  for (Eigen::Index p = 0; p < w.cols(); ++p) {
    if (!features_[static_cast<std::size_t>(p)].warped) continue;
    w.col(p) = warp(log_inside(x.col(p).array()), curves_(0, p), curves_(1, p));
  }
  return w;
}

VectorXd Kernel::warp_slopes(const VectorXd& x) const {
  VectorXd slopes = VectorXd::Ones(x.size());
  for (Eigen::Index p = 0; p < x.size(); ++p) {
    if (features_[static_cast<std::size_t>(p)].warped)
      slopes[p] = warp(x[p], curves_(0, p), curves_(1, p)).by_x;
  }
  return slopes;
}

ArrayXXd Kernel::squared_distances(const MatrixXd& a, const MatrixXd& b) const {
  ArrayXXd r2 = ArrayXXd::Zero(a.rows(), b.rows());
  for (Eigen::Index p = 0; p < precisions_.size(); ++p) {
    const auto column = a.col(p).array();
    const double precision = precisions_[p];
    if (features_[static_cast<std::size_t>(p)].categorical) {
      for (Eigen::Index j = 0; j < b.rows(); ++j)
        r2.col(j) += precision * (column != b(j, p)).template cast<double>();
    } else {
      for (Eigen::Index j = 0; j < b.rows(); ++j) r2.col(j) += precision * (column - b(j, p)).square();
    }
  }
  return r2;
}

MatrixXd Kernel::operator()(const MatrixXd& a, const MatrixXd& b) const {
  ArrayXXd k = squared_distances(a, b);
  matern(k);
  return signal_ * k;
}

void matern(const Eigen::Ref<const ArrayXXd>& r2, Eigen::Ref<ArrayXXd> k, Eigen::Ref<ArrayXXd> slope) {
  slope = (5 * r2).sqrt();
  k = (-slope).exp();
  slope = (1 + slope) * k;           // (1 + q) e^-q
  k = slope + (5.0 / 3.0) * r2 * k;  // q^2 = 5 r2
  slope *= -5.0 / 6.0;
}

void matern(Eigen::Ref<ArrayXXd> r2_to_k) {
  // Column by column: a column stays in the cache between the passes.
  for (Eigen::Index j = 0; j < r2_to_k.cols(); ++j) {
    auto column = r2_to_k.col(j);
    column = (5 * column).sqrt();
    column = (1 + column + column.square() / 3) * (-column).exp();
  }
}

}  // namespace qkd::bayes
