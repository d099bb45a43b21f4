#include "bayes/map.h"

#include <cmath>
#include <limits>

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
  for (MatrixXd* matrix : {&log_u_, &w_, &by_log_a_, &by_log_b_}) matrix->resize(n, count);
  for (Eigen::Index c = 0; c < count; ++c) {
    log_u_.col(c) = log_inside(seen.x.col(warped_[static_cast<std::size_t>(c)]));
  }
  const Eigen::Index wide = simd::padded(static_cast<int>(n));
  for (VectorXd* vector : {&y_, &ones_, &white_y_, &white_one_, &a_}) vector->setZero(wide);
  for (MatrixXd* matrix : {&cholesky_, &inverse_root_, &inverse_}) matrix->setZero(wide, wide);
  for (VectorXd* vector : {&k_, &slope_}) vector->resize(pairs);
  y_.head(n) = seen.y;
  ones_.head(n).setOnes();
}

void MapObjective::warp_columns(const VectorXd& theta) {
  const Eigen::Index n = seen_.x.rows(), first = seen_.x.cols() + 2;
  for (Eigen::Index c = 0; c < w_.cols(); ++c) {
    const Eigen::Index p = warped_[static_cast<std::size_t>(c)];
    warp_with_slopes(log_u_.col(c), theta[first + 2 * c], theta[first + 2 * c + 1], w_.col(c),
                     by_log_a_.col(c), by_log_b_.col(c));
    for (Eigen::Index j = 0, at = 0; j < n; at += n - 1 - j, ++j) {
      distances_.col(p).segment(at, n - 1 - j) = (w_.col(c).tail(n - 1 - j).array() - w_(j, c)).square();
    }
  }
}

// With g the weights of the pairs (slope_) as a symmetric matrix G and u = dw/dt, the sum over pairs of
// g (w_i - w_j)(u_i - u_j) is u'(diag(G 1) - G) w.
VectorXd MapObjective::warp_gradient(const Kernel& kernel) {
  const Eigen::Index n = seen_.x.rows();
  auto g = inverse_.topLeftCorner(n, n);
  for (Eigen::Index j = 0, at = 0; j < n; at += n - 1 - j, ++j) {
    g(j, j) = 0;
    g.col(j).tail(n - 1 - j) = slope_.segment(at, n - 1 - j);
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
  const simd::Algebra& algebra = simd::algebra();
  const auto count = static_cast<int>(n), columns = static_cast<int>(features);
  const auto pairs = static_cast<int>(k_.size());
  algebra.matern(pairs, columns, distances_.data(), pairs, kernel.precisions().data(), k_.data(),
                 slope_.data());

  const Eigen::Index wide = cholesky_.rows();
  for (Eigen::Index j = 0, at = 0; j < n; at += n - 1 - j, ++j) {
    double* column = cholesky_.col(j).data();
    for (Eigen::Index i = j / simd::kLine * simd::kLine; i < j; ++i) column[i] = 0;
    column[j] = seen_.extra[j] + (signal + kernel.noise());
    for (Eigen::Index i = j + 1; i < n; ++i) column[i] = signal * k_[at + i - j - 1];
  }
  if (!algebra.cholesky(count, cholesky_.data(), wide)) return std::numeric_limits<double>::infinity();
  algebra.invert_lower(count, cholesky_.data(), inverse_root_.data(), wide);
  algebra.gram_of_lower(count, inverse_root_.data(), inverse_.data(), wide);

  algebra.times(count, inverse_root_.data(), wide, y_.data(), white_y_.data());
  algebra.times(count, inverse_root_.data(), wide, ones_.data(), white_one_.data());
  const double c = white_one_.dot(white_y_) / (white_one_.squaredNorm() + 1);
  white_y_ -= c * white_one_;
  algebra.transposed_times(count, inverse_root_.data(), wide, white_y_.data(), a_.data());

  const Normal length = length_prior(features);
  const double log_signal = theta[features], log_noise = theta[features + 1];
  double value = 0.5 * white_y_.squaredNorm() + cholesky_.diagonal().head(n).array().log().sum() +
                 0.5 * c * c + kSignalPrior.minus_log(log_signal) + kNoisePrior.minus_log(log_noise);
  for (Eigen::Index p = 0; p < features; ++p) value += length.minus_log(theta[p]);
  for (Eigen::Index t = features + 2; t < theta.size(); ++t) value += kWarpPrior.minus_log(theta[t]);

  // w = a a' - K^-1 at the pairs; each stands for two entries of the matrix.
  double pairs_k = 0;
  for (Eigen::Index j = 0, at = 0; j < n; at += n - 1 - j, ++j) {
    const double* column = inverse_.col(j).data() + j + 1;
    const double *a = a_.data() + j + 1, aj = a_[j];
    for (Eigen::Index i = 0; i < n - 1 - j; ++i) {
      const double w = aj * a[i] - column[i];
      pairs_k += w * k_[at + i];
      slope_[at + i] *= w;
    }
  }
  const double trace = a_.squaredNorm() - inverse_.diagonal().head(n).sum();
  gradient.resize(theta.size());
  algebra.weigh(pairs, columns, distances_.data(), pairs, slope_.data(), gradient.data());
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
