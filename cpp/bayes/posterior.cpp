#include "bayes/posterior.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"
#include "bayes/triangular.h"

namespace qkd::bayes {
namespace {

constexpr double kLeastVariance = 1e-12;  // rounding must not make a variance negative
constexpr Eigen::Index kChunk = 128;      // columns of v that stay in the cache together

}  // namespace

Posterior::Posterior(Observations seen, const VectorXd& theta, Eigen::Index room)
    : kernel_(std::move(seen.features), theta), n_(seen.x.rows()) {
  const MatrixXd w = kernel_.warped(seen.x), k = kernel_(w, w);
  MatrixXd cholesky, root;
  bool positive = false;
  double added = 0;
  for (const double jitter : {0.0, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4}) {
    if (positive) break;
    added = kernel_.noise() + jitter * kernel_.signal();
    cholesky = k;
    cholesky.diagonal().array() += seen.extra.array() + added;
    positive = Eigen::LLT<Eigen::Ref<MatrixXd>>(cholesky).info() == Eigen::Success;
  }
  require(positive, "bayes::Posterior",
          "the covariance matrix must be positive definite: are the outputs finite?");
  invert_lower(cholesky, root);
  w_.setZero(n_ + room, w.cols());
  w_.topRows(n_) = w;
  diagonal_.setZero(n_ + room);
  diagonal_.head(n_) = seen.extra.array() + added;
  root_.setZero(n_ + room, n_ + room);
  root_.topLeftCorner(n_, n_) = root;
  tell(seen.y);
}

double Posterior::grow(const VectorXd& x, double extra, VectorXd& row) {
  require(n_ < root_.rows(), "bayes::Posterior", "room for ", root_.rows(),
          " trials was asked for; got more");
  const MatrixXd w = kernel_.warped(x.transpose());
  const Root r = root();
  row = r * kernel_(w_.topRows(n_), w).col(0);
  const double noise = kernel_.noise() + extra;
  // Rounding alone can bring the square below the noise; there the row repeats others.
  const double diagonal = std::sqrt(std::max(kernel_.signal() + noise - row.squaredNorm(), 0.5 * noise));
  root_.row(n_).head(n_).noalias() = (r.transpose() * row).transpose() / -diagonal;
  root_(n_, n_) = 1 / diagonal;
  w_.row(n_) = w;
  diagonal_[n_] = noise;
  ++n_;
  return diagonal;
}

void Posterior::append(const MatrixXd& x, const VectorXd& extra) {
  VectorXd row;
  for (Eigen::Index i = 0; i < x.rows(); ++i) grow(x.row(i), extra[i], row);
}

void Posterior::tell(const VectorXd& y) {
  y_ = y;
  const Root r = root();
  const VectorXd white_y = r * y, white_one = r * VectorXd::Ones(n_);
  c_ = white_one.dot(white_y) / (white_one.squaredNorm() + 1);
  white_ = white_y - c_ * white_one;
  a_ = r.transpose() * white_;
}

MatrixXd Posterior::imagine(const MatrixXd& x, const MatrixXd& z) {
  const Eigen::Index q = x.rows(), told = n_;
  const MatrixXd roots = root_.topLeftCorner(told, told), seen = w_.topRows(told);
  const VectorXd noises = diagonal_.head(told);
  root_.setZero(told + q, told + q);
  root_.topLeftCorner(told, told) = roots;
  w_.conservativeResize(told + q, Eigen::NoChange);
  diagonal_.conservativeResize(told + q);

  MatrixXd draws(q, z.cols());
  VectorXd row;
  for (Eigen::Index i = 0; i < q; ++i) {
    const double diagonal = grow(x.row(i), 0, row);
    draws.row(i) = row.tail(i).transpose() * z.topRows(i) + diagonal * z.row(i);
    draws.row(i).array() += c_ + row.head(told).dot(white_);
  }
  MatrixXd a = root_.bottomRows(q).transpose() * z;
  a.topRows(told).colwise() += a_.col(0);
  a_ = std::move(a);
  return draws - kernel_.noise() * a_.bottomRows(q);  // as in means_at_seen
}

Posterior::Batch Posterior::predict(const MatrixXd& x) const {
  Batch batch{MatrixXd(x.rows(), a_.cols()), VectorXd(x.rows())};
  const MatrixXd w = kernel_.warped(x);
  MatrixXd v;
  for (Eigen::Index first = 0; first < x.rows(); first += kChunk) {
    const Eigen::Index m = std::min(kChunk, x.rows() - first);
    const MatrixXd k = kernel_(w_.topRows(n_), w.middleRows(first, m));
    batch.mean.middleRows(first, m).noalias() = k.transpose() * a_;
    v.noalias() = root() * k;
    batch.variance.segment(first, m) = kernel_.signal() - v.colwise().squaredNorm().transpose().array();
  }
  batch.mean.array() += c_;
  batch.variance = batch.variance.cwiseMax(kLeastVariance);
  return batch;
}

Posterior::Batch Posterior::bound(const MatrixXd& x) const {
  Batch batch{MatrixXd(x.rows(), a_.cols()), VectorXd(x.rows())};
  const MatrixXd w = kernel_.warped(x);
  const Eigen::ArrayXd noisy = diagonal_.head(n_).array() + kernel_.signal();
  for (Eigen::Index first = 0; first < x.rows(); first += kChunk) {
    const Eigen::Index m = std::min(kChunk, x.rows() - first);
    const MatrixXd k = kernel_(w_.topRows(n_), w.middleRows(first, m));
    batch.mean.middleRows(first, m).noalias() = k.transpose() * a_;
    for (Eigen::Index j = 0; j < m; ++j) {
      batch.variance[first + j] = kernel_.signal() - (k.col(j).array().square() / noisy).maxCoeff();
    }
  }
  batch.mean.array() += c_;
  batch.variance = batch.variance.cwiseMax(kLeastVariance);
  return batch;
}

VectorXd Posterior::means_at_seen() const {
  // K a = y - c, so the mean at the observations, c + (K - diag) a, is y - diag a.
  const Eigen::Index told = y_.size();
  return y_.array() - diagonal_.head(told).array() * a_.col(0).head(told).array();
}

Posterior::Local Posterior::predict_with_slopes(const VectorXd& x) const {
  const Eigen::Index features = x.size();
  const MatrixXd w = kernel_.warped(x.transpose());
  const ArrayXXd r2 = kernel_.squared_distances(w_.topRows(n_), w);
  ArrayXXd k(n_, 1), slope(n_, 1);
  matern(r2, k, slope);
  const Root r = root();
  const VectorXd v = r * (kernel_.signal() * k.matrix().col(0));
  const VectorXd inverse_k = r.transpose() * v;  // K^-1 k

  // dk/dx_p = dk/dr2 * 2 (w_p - W_p) / l_p^2 * dw_p/dx_p
  const VectorXd curves = kernel_.warp_slopes(x);
  MatrixXd change(n_, features);
  for (Eigen::Index p = 0; p < features; ++p) {
    if (kernel_.features()[static_cast<std::size_t>(p)].categorical) {
      change.col(p).setZero();
      continue;
    }
    const double factor = 2 * kernel_.signal() * kernel_.precisions()[p] * curves[p];
    change.col(p) = factor * slope.col(0) * (w(0, p) - w_.col(p).head(n_).array());
  }
  Local local{a_.transpose() * (kernel_.signal() * k.matrix().col(0)), kernel_.signal() - v.squaredNorm(),
              change.transpose() * a_, -2 * (change.transpose() * inverse_k)};
  local.mean.array() += c_;
  local.variance = std::max(local.variance, kLeastVariance);
  return local;
}

}  // namespace qkd::bayes
