#include "bayes/posterior.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/check.h"

namespace qkd::bayes {
namespace {

constexpr double kLeastVariance = 1e-12;  // rounding must not make a variance negative
constexpr Eigen::Index kChunk = 128;      // columns of V that stay in the cache together

}  // namespace

Posterior::Posterior(Observations seen, const VectorXd& theta)
    : seen_(std::move(seen)), theta_(theta), kernel_(seen_.categorical, theta) {
  const MatrixXd k = kernel_(seen_.x, seen_.x);
  bool positive = false;
  for (const double jitter : {0.0, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4}) {
    if (positive) break;
    cholesky_ = k;
    cholesky_.diagonal().array() += seen_.extra.array() + (kernel_.noise() + jitter * kernel_.signal());
    positive = Eigen::LLT<Eigen::Ref<MatrixXd>>(cholesky_).info() == Eigen::Success;
  }
  require(positive, "bayes::Posterior",
          "the covariance matrix must be positive definite: are the outputs finite?");
  const auto lower = cholesky_.triangularView<Eigen::Lower>();
  const VectorXd white_y = lower.solve(seen_.y), white_one = lower.solve(VectorXd::Ones(seen_.y.size()));
  c_ = white_one.dot(white_y) / (white_one.squaredNorm() + 1);
  a_ = cholesky_.transpose().triangularView<Eigen::Upper>().solve(white_y - c_ * white_one);
}

Posterior::Batch Posterior::predict(const MatrixXd& x) const {
  Batch batch{VectorXd(x.rows()), VectorXd(x.rows())};
  for (Eigen::Index first = 0; first < x.rows(); first += kChunk) {
    const Eigen::Index m = std::min(kChunk, x.rows() - first);
    MatrixXd v = kernel_(seen_.x, x.middleRows(first, m));
    batch.mean.segment(first, m).noalias() = v.transpose() * a_;
    cholesky_.triangularView<Eigen::Lower>().solveInPlace(v);
    batch.variance.segment(first, m) = kernel_.signal() - v.colwise().squaredNorm().transpose().array();
  }
  batch.mean.array() += c_;
  batch.variance = batch.variance.cwiseMax(kLeastVariance);
  return batch;
}

double Posterior::incumbent() const {
  // K a = y - c, so the mean at the observations, c + (K - diag) a, is y - diag a.
  const VectorXd means = seen_.y.array() - (seen_.extra.array() + kernel_.noise()) * a_.array();
  double lowest = std::numeric_limits<double>::infinity();
  for (Eigen::Index i = 0; i < means.size(); ++i) {
    if (seen_.extra[i] == 0) lowest = std::min(lowest, means[i]);
  }
  return std::isfinite(lowest) ? lowest : means.minCoeff();
}

Posterior::Local Posterior::predict_with_slopes(const VectorXd& x) const {
  const Eigen::Index n = seen_.x.rows(), features = seen_.x.cols();
  const ArrayXXd r2 = kernel_.squared_distances(seen_.x, x.transpose());
  ArrayXXd k(n, 1), slope(n, 1);
  matern(r2, k, slope);
  k *= kernel_.signal();
  VectorXd v = k.matrix();
  cholesky_.triangularView<Eigen::Lower>().solveInPlace(v);
  const double variance = kernel_.signal() - v.squaredNorm();
  cholesky_.transpose().triangularView<Eigen::Upper>().solveInPlace(v);  // K^-1 k

  Local local{c_ + k.matrix().col(0).dot(a_), std::max(variance, kLeastVariance), VectorXd::Zero(features),
              VectorXd::Zero(features)};
  for (Eigen::Index p = 0; p < features; ++p) {
    if (kernel_.categorical()[static_cast<std::size_t>(p)]) continue;
    // dk/dx_p = dk/dr2 * 2 (x_p - X_p) / l_p^2
    const double factor = 2 * kernel_.signal() * kernel_.precisions()[p];
    const VectorXd change = factor * slope.col(0) * (x[p] - seen_.x.col(p).array());
    local.mean_slope[p] = change.dot(a_);
    local.variance_slope[p] = -2 * change.dot(v);
  }
  return local;
}

}  // namespace qkd::bayes
