#include "bayes/map.h"

#include <Eigen/Cholesky>
#include <cmath>
#include <limits>

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
constexpr Normal kSignalPrior{0.3, 0.7}, kNoisePrior{-6, 2};

constexpr Eigen::Index kPanel = 32;

// root = L^-1, panel by panel: the columns of a panel are zero above it.
void invert_lower(const MatrixXd& lower, MatrixXd& root) {
  const Eigen::Index n = lower.rows();
  root.setIdentity(n, n);
  for (Eigen::Index j = 0; j < n; j += kPanel) {
    const Eigen::Index rest = n - j, width = std::min(kPanel, rest);
    lower.bottomRightCorner(rest, rest)
        .triangularView<Eigen::Lower>()
        .solveInPlace(root.block(j, j, rest, width));
  }
}

// The lower triangle of root' root, from panels of rows that are zero to the right of themselves.
void gram_of_lower(const MatrixXd& root, MatrixXd& gram) {
  const Eigen::Index n = root.rows();
  gram.setZero(n, n);
  for (Eigen::Index i = 0; i < n; i += kPanel) {
    const Eigen::Index height = std::min(kPanel, n - i), end = i + height;
    gram.topLeftCorner(end, end).selfadjointView<Eigen::Lower>().rankUpdate(
        root.block(i, 0, height, end).transpose());
  }
}

}  // namespace

MapObjective::MapObjective(const Observations& seen) : seen_(seen) {
  const Eigen::Index n = seen.x.rows(), pairs = n * (n - 1) / 2;
  distances_.resize(pairs, seen.x.cols());
  for (Eigen::Index p = 0; p < seen.x.cols(); ++p) {
    const bool category = seen.categorical[static_cast<std::size_t>(p)];
    Eigen::Index at = 0;
    for (Eigen::Index j = 0; j < n; ++j) {
      for (Eigen::Index i = j + 1; i < n; ++i, ++at) {
        const double difference = seen.x(i, p) - seen.x(j, p);
        distances_(at, p) = category ? static_cast<double>(difference != 0) : difference * difference;
      }
    }
  }
  r2_.resize(pairs, 1);
  k_.resize(pairs, 1);
  slope_.resize(pairs, 1);
}

double MapObjective::operator()(const VectorXd& theta, VectorXd& gradient) {
  const Eigen::Index n = seen_.x.rows(), features = seen_.x.cols();
  const Kernel kernel(seen_.categorical, theta);
  const double signal = kernel.signal();
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

  // w = a a' - K^-1 at the pairs; each stands for two entries of the matrix.
  double pairs_k = 0;
  for (Eigen::Index j = 0, at = 0; j < n; at += n - 1 - j, ++j) {
    const Eigen::Index rest = n - 1 - j;
    const auto w = (a[j] * a.tail(rest) - inverse_.col(j).tail(rest)).array();
    pairs_k += (w * k_.col(0).segment(at, rest)).sum();
    slope_.col(0).segment(at, rest) *= w;
  }
  const double trace = a.squaredNorm() - inverse_.trace();
  gradient.resize(features + 2);
  gradient.head(features).noalias() = distances_.transpose() * slope_.matrix();
  gradient.head(features).array() *=
      2 * signal * kernel.precisions().array();  // dr2/dlog l_p = -2 D_p / l_p^2
  for (Eigen::Index p = 0; p < features; ++p) gradient[p] += length.slope(theta[p]);
  gradient[features] = -signal * (0.5 * trace + pairs_k) + kSignalPrior.slope(log_signal);
  gradient[features + 1] = -0.5 * trace * std::exp(log_noise) + kNoisePrior.slope(log_noise);
  return value;
}

Box theta_box(Eigen::Index features) {
  Box box{VectorXd::Constant(features + 2, -3.5), VectorXd::Constant(features + 2, 5.0)};
  box.low.tail(2) << -4, -14;
  box.high.tail(2) << 4, 1;
  return box;
}

std::vector<VectorXd> theta_starts(Eigen::Index features) {
  VectorXd smooth =
      VectorXd::Constant(features + 2, std::log(0.5 * std::sqrt(static_cast<double>(features))));
  smooth.tail(2) << 0, -5;
  VectorXd rough = VectorXd::Constant(features + 2, std::log(0.2));
  rough.tail(2) << 0, -3;
  return {smooth, rough};
}

Minimum fit(const Observations& seen) {
  const Eigen::Index features = seen.x.cols();
  VectorXd spread = VectorXd::Constant(features + 2, 0.5);  // somewhat below the priors' variances
  spread.tail(1) << 2;
  const Minimum guess{{}, std::numeric_limits<double>::infinity(), spread.asDiagonal()};
  Minimum best = guess;
  for (const VectorXd& start : theta_starts(features)) {
    const Minimum end = fit(seen, {start, guess.value, guess.inverse});
    if (end.value < best.value || best.x.size() == 0) best = end;
  }
  return best;
}

Minimum fit(const Observations& seen, const Minimum& last) {
  MapObjective objective(seen);
  const Smooth f = [&objective](const VectorXd& theta, VectorXd& gradient) {
    return objective(theta, gradient);
  };
  Descent descent;
  descent.inverse = last.inverse;
  return minimise(f, last.x, theta_box(seen.x.cols()), descent);
}

}  // namespace qkd::bayes
