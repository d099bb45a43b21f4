#include "bayes/map.h"

#include <Eigen/Cholesky>
#include <cmath>
#include <limits>

#include "bayes/triangular.h"
#include "bayes/warp.h"

namespace qkd::bayes {
namespace {

struct Normal {
  double mean, deviation;
  double minus_log(double t) const { return 0.5 * std::pow((t - mean) / deviation, 2); }
  double slope(double t) const { return (t - mean) / (deviation * deviation); }
};

Normal length_prior(Eigen::Index features) {
  return {std::log(0.5) + 0.25 * std::log(static_cast<double>(features)), 0.9};
}
constexpr Normal kSignalPrior{0.3, 0.7}, kNoisePrior{-6, 2}, kWarpPrior{0, 0.35};

constexpr int kIterations = 40;
constexpr int kGlance = 10;  // iterations after which the better start is known

Minimum descend(const Observations& seen, const Minimum& from, int iterations) {
  MapObjective objective(seen);
  const Smooth f = [&objective](const VectorXd& theta, VectorXd& gradient) {
    return objective(theta, gradient);
  };
  Descent descent;
  descent.iterations = iterations;
  descent.inverse = from.inverse;
  return minimise(f, from.x, theta_box(seen.features), descent);
}

}  // namespace

MapObjective::MapObjective(const Observations& seen) : seen_(seen) {
  const Eigen::Index n = seen.x.rows(), pairs = n * (n - 1) / 2;
  distances_.resize(pairs, seen.x.cols());
  for (Eigen::Index p = 0; p < seen.x.cols(); ++p) {
    const Feature& feature = seen.features[static_cast<std::size_t>(p)];
    if (feature.warped) warped_.push_back(p);
    Eigen::Index at = 0;
    for (Eigen::Index j = 0; j < n; ++j) {
      for (Eigen::Index i = j + 1; i < n; ++i, ++at) {
        const double difference = seen.x(i, p) - seen.x(j, p);
        distances_(at, p) =
            feature.categorical ? static_cast<double>(difference != 0) : difference * difference;
      }
    }
  }
  const auto count = static_cast<Eigen::Index>(warped_.size());
  for (MatrixXd* matrix : {&w_, &by_log_a_, &by_log_b_}) matrix->resize(n, count);
  log_u_.resize(n, count);
  for (Eigen::Index c = 0; c < count; ++c) {
    log_u_.col(c) = log_inside(seen.x.col(warped_[static_cast<std::size_t>(c)]).array());
  }
  for (ArrayXXd* array : {&r2_, &k_, &slope_}) array->resize(pairs, 1);
}

void MapObjective::warp_columns(const VectorXd& theta) {
  const Eigen::Index n = seen_.x.rows(), first = seen_.x.cols() + 2;
  for (Eigen::Index c = 0; c < w_.cols(); ++c) {
    const Eigen::Index p = warped_[static_cast<std::size_t>(c)];
    const WarpedColumn column =
        warp_with_slopes(log_u_.col(c), theta[first + 2 * c], theta[first + 2 * c + 1]);
    w_.col(c) = column.w;
    by_log_a_.col(c) = column.by_log_a;
    by_log_b_.col(c) = column.by_log_b;
    for (Eigen::Index j = 0, at = 0; j < n; at += n - 1 - j, ++j) {
      distances_.col(p).segment(at, n - 1 - j) = (w_.col(c).tail(n - 1 - j).array() - w_(j, c)).square();
    }
  }
}

// With g the weights of the pairs (slope_) as a symmetric matrix G and u = dw/dt, the sum over pairs of
// g (w_i - w_j)(u_i - u_j) is u'(diag(G 1) - G) w.
VectorXd MapObjective::warp_gradient(const Kernel& kernel) {
  const Eigen::Index n = seen_.x.rows();
  MatrixXd& g = inverse_;
  g.setZero(n, n);
  for (Eigen::Index j = 0, at = 0; j < n; at += n - 1 - j, ++j) {
    g.col(j).tail(n - 1 - j) = slope_.col(0).segment(at, n - 1 - j);
  }
  const auto symmetric = g.selfadjointView<Eigen::Lower>();
  const VectorXd sums = symmetric * VectorXd::Ones(n);
  MatrixXd weighted = sums.asDiagonal() * w_;
  weighted.noalias() -= symmetric * w_;
  VectorXd gradient(2 * w_.cols());
  for (Eigen::Index c = 0; c < w_.cols(); ++c) {
    const double factor = -2 * kernel.signal() * kernel.precisions()[warped_[static_cast<std::size_t>(c)]];
    gradient[2 * c] = factor * by_log_a_.col(c).dot(weighted.col(c));
    gradient[2 * c + 1] = factor * by_log_b_.col(c).dot(weighted.col(c));
  }
  return gradient;
}

double MapObjective::operator()(const VectorXd& theta, VectorXd& gradient) {
  const Eigen::Index n = seen_.x.rows(), features = seen_.x.cols();
  const Kernel kernel(seen_.features, theta);
  const double signal = kernel.signal();
  warp_columns(theta);
  r2_.matrix().noalias() = distances_ * kernel.precisions();
  matern(r2_, k_, slope_);

  cholesky_.resize(n, n);
  cholesky_.diagonal() = seen_.extra.array() + (signal + kernel.noise());
  for (Eigen::Index j = 0, at = 0; j < n; at += n - 1 - j, ++j) {
    cholesky_.col(j).tail(n - 1 - j) = signal * k_.col(0).segment(at, n - 1 - j);
  }
  if (Eigen::LLT<Eigen::Ref<MatrixXd>>(cholesky_).info() != Eigen::Success) {
    return std::numeric_limits<double>::infinity();
  }
  invert_lower(cholesky_, inverse_root_);
  gram_of_lower(inverse_root_, inverse_);

  const auto root = inverse_root_.triangularView<Eigen::Lower>();
  const VectorXd white_y = root * seen_.y, white_one = root * VectorXd::Ones(n);
  const double c = white_one.dot(white_y) / (white_one.squaredNorm() + 1);
  const VectorXd white = white_y - c * white_one;
  const VectorXd a = inverse_root_.transpose().triangularView<Eigen::Upper>() * white;

  const Normal length = length_prior(features);
  const double log_signal = theta[features], log_noise = theta[features + 1];
  double value = 0.5 * white.squaredNorm() + cholesky_.diagonal().array().log().sum() + 0.5 * c * c +
                 kSignalPrior.minus_log(log_signal) + kNoisePrior.minus_log(log_noise);
  for (Eigen::Index p = 0; p < features; ++p) value += length.minus_log(theta[p]);
  for (Eigen::Index t = features + 2; t < theta.size(); ++t) value += kWarpPrior.minus_log(theta[t]);

  // w = a a' - K^-1 at the pairs; each stands for two entries of the matrix.
  double pairs_k = 0;
  for (Eigen::Index j = 0, at = 0; j < n; at += n - 1 - j, ++j) {
    const Eigen::Index rest = n - 1 - j;
    const auto w = (a[j] * a.tail(rest) - inverse_.col(j).tail(rest)).array();
    pairs_k += (w * k_.col(0).segment(at, rest)).sum();
    slope_.col(0).segment(at, rest) *= w;
  }
  const double trace = a.squaredNorm() - inverse_.trace();
  gradient.resize(theta.size());
  gradient.head(features).noalias() = distances_.transpose() * slope_.matrix();
  gradient.head(features).array() *=
      2 * signal * kernel.precisions().array();  // dr2/dlog l_p = -2 D_p / l_p^2
  for (Eigen::Index p = 0; p < features; ++p) gradient[p] += length.slope(theta[p]);
  gradient[features] = -signal * (0.5 * trace + pairs_k) + kSignalPrior.slope(log_signal);
  gradient[features + 1] = -0.5 * trace * std::exp(log_noise) + kNoisePrior.slope(log_noise);
  if (w_.cols() > 0) gradient.tail(2 * w_.cols()) = warp_gradient(kernel);
  for (Eigen::Index t = features + 2; t < theta.size(); ++t) gradient[t] += kWarpPrior.slope(theta[t]);
  return value;
}

Box theta_box(const Features& features) {
  const auto p = static_cast<Eigen::Index>(features.size()), size = theta_size(features);
  Box box{VectorXd::Constant(size, -1.2), VectorXd::Constant(size, 1.2)};
  box.low.head(p).setConstant(-3.5);
  box.high.head(p).setConstant(5);
  box.low.segment(p, 2) << -4, -14;
  box.high.segment(p, 2) << 4, 1;
  return box;
}

std::vector<VectorXd> theta_starts(const Features& features) {
  const auto p = static_cast<Eigen::Index>(features.size());
  VectorXd smooth = VectorXd::Zero(theta_size(features)), rough = smooth;
  smooth.head(p).setConstant(std::log(0.5 * std::sqrt(static_cast<double>(p))));
  smooth[p + 1] = -5;
  rough.head(p).setConstant(std::log(0.2));
  rough[p + 1] = -3;
  return {smooth, rough};
}

Minimum fit(const Observations& seen) {
  const auto p = static_cast<Eigen::Index>(seen.features.size());
  // Somewhat below the priors' variances.
  VectorXd spread = VectorXd::Constant(theta_size(seen.features), 0.1);
  spread.head(p + 1).setConstant(0.5);
  spread[p + 1] = 2;
  const MatrixXd guess = spread.asDiagonal();
  Minimum best{{}, std::numeric_limits<double>::infinity(), guess};
  for (const VectorXd& start : theta_starts(seen.features)) {
    const Minimum end = descend(seen, {start, best.value, guess}, kGlance);
    if (end.value < best.value || best.x.size() == 0) best = end;
  }
  return fit(seen, best);
}

Minimum fit(const Observations& seen, const Minimum& last) { return descend(seen, last, kIterations); }

}  // namespace qkd::bayes
