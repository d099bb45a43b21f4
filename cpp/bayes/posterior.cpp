#include "bayes/posterior.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"
#include "bayes/warp.h"

namespace qkd::bayes {
namespace {

constexpr double kLeastVariance = 1e-12;  // rounding must not make a variance negative
constexpr Eigen::Index kChunk = 128;      // columns of v that stay in the cache together

}  // namespace

Posterior::Posterior(Observations seen, const VectorXd& theta, Eigen::Index room)
    : kernel_(std::move(seen.features), theta), n_(seen.x.rows()) {
  const MatrixXd w = kernel_.warped(seen.x);
  const Eigen::Index wide = simd::padded(static_cast<int>(n_ + room));
  w_.setZero(wide, w.cols());
  w_.topRows(n_) = w.topRows(n_);
  // By row as by column: it is symmetric.
  MatrixXd k = MatrixXd::Zero(wide, w.rows()), cholesky;
  simd::algebra().covariances(kernel_.scales(), rows(), w_.data(), wide, static_cast<int>(w.rows()),
                              w_.data(), wide, k.data(), wide);
  k.bottomRows(wide - n_).setZero();
  bool positive = false;
  double added = 0;
  for (const double jitter : {0.0, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4}) {
    if (positive) break;
    added = kernel_.noise() + jitter * kernel_.signal();
    cholesky = k;
    cholesky.diagonal().head(n_).array() += seen.extra.array() + added;
    positive = simd::algebra().cholesky(rows(), cholesky.data(), wide);
  }
  require(positive, "bayes::Posterior",
          "the covariance matrix must be positive definite: are the outputs finite?");
  diagonal_.setZero(wide);
  diagonal_.head(n_) = seen.extra.array() + added;
  root_.setZero(wide, wide);
  simd::algebra().invert_lower(rows(), cholesky.data(), root_.data(), wide);
  tell(seen.y);
}

VectorXd Posterior::times_root(const VectorXd& x) const {
  VectorXd y = VectorXd::Zero(capacity());
  simd::algebra().times(rows(), root_.data(), capacity(), x.data(), y.data());
  return y;
}

VectorXd Posterior::times_transposed_root(const VectorXd& x) const {
  VectorXd y = VectorXd::Zero(capacity());
  simd::algebra().transposed_times(rows(), root_.data(), capacity(), x.data(), y.data());
  return y;
}

double Posterior::grow(const VectorXd& x, double extra, VectorXd& row) {
  require(n_ < capacity(), "bayes::Posterior", "room for ", capacity(), " trials was asked for; got more");
  const MatrixXd w = kernel_.warped(x.transpose());
  const VectorXd point = w.row(0);
  VectorXd k = VectorXd::Zero(capacity()), unused(capacity());
  simd::algebra().covariance(kernel_.scales(), rows(), w_.data(), capacity(), point.data(), k.data(),
                             unused.data());
  const VectorXd wide = times_root(k);
  row = wide.head(n_);
  const double noise = kernel_.noise() + extra;
  // Rounding alone can bring the square below the noise; there the row repeats others.
  const double diagonal = std::sqrt(std::max(kernel_.signal() + noise - row.squaredNorm(), 0.5 * noise));
  root_.row(n_).head(n_) = times_transposed_root(wide).head(n_).transpose() / -diagonal;
  root_(n_, n_) = 1 / diagonal;
  w_.row(n_) = point.transpose();
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
  VectorXd wide = VectorXd::Zero(capacity()), ones = wide;
  wide.head(n_) = y;
  ones.head(n_).setOnes();
  const VectorXd white_y = times_root(wide), white_one = times_root(ones);
  c_ = white_one.dot(white_y) / (white_one.squaredNorm() + 1);
  const VectorXd white = white_y - c_ * white_one;
  white_ = white.head(n_);
  a_ = times_transposed_root(white).head(n_);
}

MatrixXd Posterior::imagine(const MatrixXd& x, const MatrixXd& z) {
  const Eigen::Index q = x.rows(), told = n_, wide = simd::padded(static_cast<int>(told + q));
  if (wide > capacity()) {
    root_.conservativeResizeLike(RowMatrix::Zero(wide, wide));
    w_.conservativeResizeLike(MatrixXd::Zero(wide, w_.cols()));
    diagonal_.conservativeResizeLike(VectorXd::Zero(wide));
  }
  MatrixXd draws(q, z.cols());
  VectorXd row;
  for (Eigen::Index i = 0; i < q; ++i) {
    const double diagonal = grow(x.row(i), 0, row);
    draws.row(i) = row.tail(i).transpose() * z.topRows(i) + diagonal * z.row(i);
    draws.row(i).array() += c_ + row.head(told).dot(white_);
  }
  MatrixXd a = root_.middleRows(told, q).leftCols(n_).transpose() * z;
  a.topRows(told).colwise() += a_.col(0);
  a_ = std::move(a);
  return draws - kernel_.noise() * a_.bottomRows(q);  // as in means_at_seen
}

Posterior::RowMatrix Posterior::covariances(const MatrixXd& w, Eigen::Index first, Eigen::Index m) const {
  RowMatrix k(n_, simd::padded(static_cast<int>(m)));
  simd::algebra().covariances(kernel_.scales(), rows(), w_.data(), capacity(), static_cast<int>(k.cols()),
                              w.data() + first, w.rows(), k.data(), k.cols());
  return k;
}

template <class Taken>
Posterior::Batch Posterior::batched(const MatrixXd& x, const Taken& taken_by) const {
  const Eigen::Index all = x.rows(), wide = simd::padded(static_cast<int>(all));
  MatrixXd mean(wide, a_.cols());
  VectorXd variance(wide), taken;
  const MatrixXd w = kernel_.warped(x);
  for (Eigen::Index first = 0; first < all; first += kChunk) {
    const RowMatrix k = covariances(w, first, std::min(kChunk, all - first));
    for (Eigen::Index draw = 0; draw < a_.cols(); ++draw) {
      simd::algebra().column_sums(rows(), static_cast<int>(k.cols()), k.data(), k.cols(), a_.col(draw).data(),
                                  mean.col(draw).data() + first);
    }
    taken.resize(k.cols());
    taken_by(k, taken);
    variance.segment(first, k.cols()) = kernel_.signal() - taken.array();
  }
  return {mean.topRows(all).array() + c_, variance.head(all).cwiseMax(kLeastVariance)};
}

Posterior::Batch Posterior::predict(const MatrixXd& x) const {
  return batched(x, [this](const RowMatrix& k, VectorXd& taken) {
    simd::algebra().squared_norms(rows(), root_.data(), capacity(), static_cast<int>(k.cols()), k.data(),
                                  k.cols(), taken.data());
  });
}

Posterior::Batch Posterior::bound(const MatrixXd& x) const {
  const Eigen::ArrayXd noisy = diagonal_.head(n_).array() + kernel_.signal();
  return batched(x, [&noisy](const RowMatrix& k, VectorXd& taken) {
    taken.setZero();
    for (Eigen::Index i = 0; i < k.rows(); ++i) {
      taken = taken.cwiseMax(k.row(i).transpose().cwiseAbs2() / noisy[i]);
    }
  });
}

VectorXd Posterior::means_at_seen() const {
  // K a = y - c, so the mean at the observations, c + (K - diag) a, is y - diag a.
  const Eigen::Index told = y_.size();
  return y_.array() - diagonal_.head(told).array() * a_.col(0).head(told).array();
}

Posterior::Local Posterior::predict_with_slopes(const VectorXd& x) const {
  const Eigen::Index features = x.size();
  VectorXd point = x;
  VectorXd curves = VectorXd::Ones(features);
  for (Eigen::Index p = 0; p < features; ++p) {
    if (!kernel_.features()[static_cast<std::size_t>(p)].warped) continue;
    const Warped at = kernel_.warped(x[p], p);
    point[p] = at.w;
    curves[p] = at.by_x;
  }
  VectorXd k = VectorXd::Zero(capacity()), slope(capacity());
  simd::algebra().covariance(kernel_.scales(), rows(), w_.data(), capacity(), point.data(), k.data(),
                             slope.data());
  const VectorXd v = times_root(k), inverse_k = times_transposed_root(v);  // K^-1 k

  // dk/dx_p = dk/dr2 * 2 (w_p - W_p) / l_p^2 * dw_p/dx_p; of categories there is none.
  const VectorXd factor = (2 * kernel_.signal() * kernel_.precisions().array() * curves.array());
  VectorXd weights(n_), sums(features);
  const auto change = [&](const auto& by) {
    weights = slope.head(n_).cwiseProduct(by);
    simd::algebra().weigh(rows(), static_cast<int>(features), w_.data(), capacity(), weights.data(),
                          sums.data());
    VectorXd by_x = factor.cwiseProduct(point * weights.sum() - sums);
    for (Eigen::Index p = 0; p < features; ++p) {
      if (kernel_.features()[static_cast<std::size_t>(p)].categorical) by_x[p] = 0;
    }
    return by_x;
  };
  Local local{VectorXd(a_.cols()), kernel_.signal() - v.head(n_).squaredNorm(), MatrixXd(features, a_.cols()),
              -2 * change(inverse_k.head(n_))};
  for (Eigen::Index draw = 0; draw < a_.cols(); ++draw) {
    local.mean[draw] = c_ + a_.col(draw).dot(k.head(n_));
    local.mean_slope.col(draw) = change(a_.col(draw));
  }
  local.variance = std::max(local.variance, kLeastVariance);
  return local;
}

}  // namespace qkd::bayes
