#include "bayes/kernel.h"

#include <cmath>
#include <utility>

namespace qkd::bayes {

Kernel::Kernel(std::vector<bool> categorical, const VectorXd& theta)
    : categorical_(std::move(categorical)),
      precisions_((-2 * theta.head(theta.size() - 2).array()).exp()),
      signal_(std::exp(theta[theta.size() - 2])),
      noise_(std::exp(theta[theta.size() - 1]) + kNoiseFloor) {}

ArrayXXd Kernel::squared_distances(const MatrixXd& a, const MatrixXd& b) const {
  ArrayXXd r2 = ArrayXXd::Zero(a.rows(), b.rows());
  for (Eigen::Index p = 0; p < precisions_.size(); ++p) {
    const auto column = a.col(p).array();
    const double precision = precisions_[p];
    if (categorical_[static_cast<std::size_t>(p)]) {
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
