#include "bayes/improvement.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace qkd::bayes {
namespace {

const double kLogSqrtTwoPi = 0.5 * std::log(2 * std::numbers::pi);

// Phi / phi at z <= -1.
double mills(double z) {
  if (z > -20) {
    return std::sqrt(std::numbers::pi / 2) * std::exp(0.5 * z * z) * std::erfc(-z / std::numbers::sqrt2);
  }
  const double u = 1 / (z * z);
  double term = 1, sum = 1;  // Abramowitz and Stegun 26.2.12
  for (int k = 1; k <= 8; ++k) sum += term *= -(2 * k - 1) * u;
  return -sum / z;
}

// The mean of N logarithms and the weights of each in its derivative, in their place.
double log_mean_exp(VectorXd& logs) {
  const double largest = logs.maxCoeff();
  if (!std::isfinite(largest)) {
    logs.setZero();
    return largest;
  }
  logs = (logs.array() - largest).exp();
  const double sum = logs.sum();
  logs /= sum;
  return largest + std::log(sum / static_cast<double>(logs.size()));
}

}  // namespace

LogH log_h(double z) {
  if (z > -1) {
    const double phi = std::exp(-0.5 * z * z - kLogSqrtTwoPi);
    const double below = 0.5 * std::erfc(-z / std::numbers::sqrt2);  // Phi
    const double h = phi + z * below;
    return {std::log(h), below / h};
  }
  const double log_density = -0.5 * z * z - kLogSqrtTwoPi;
  if (z > -20) {
    // phi is taken out: h / phi = 1 - |z| Phi / phi.
    const double ratio = mills(z), rest = 1 + z * ratio;
    return {log_density + std::log(rest), ratio / rest};
  }
  // That difference would cancel. |z| Phi / phi = sum of (-1)^k (2k - 1)!! / z^2k, z^2 h / phi = the same
  // with (2k + 1)!! (Abramowitz and Stegun 26.2.12).
  const double u = 1 / (z * z);
  double term = 1, phi_sum = 1, h_sum = 1;
  for (int k = 1; k <= 8; ++k) {
    term *= -(2 * k - 1) * u;
    phi_sum += term;
    h_sum += (2 * k + 1) * term;
  }
  return {log_density + std::log(h_sum) - 2 * std::log(-z), -z * phi_sum / h_sum};
}

LogH log_phi(double z) {
  const double log_density = -0.5 * z * z - kLogSqrtTwoPi;
  if (z > -1) {
    const double below = 0.5 * std::erfc(-z / std::numbers::sqrt2);
    return {std::log(below), std::exp(log_density) / below};
  }
  const double ratio = mills(z);
  return {log_density + std::log(ratio), 1 / ratio};
}

double ExpectedImprovement::operator()(const MatrixXd& mean, const VectorXd& deviation, double /*cost*/,
                                       Slopes* slopes) const {
  const double s = deviation[0];
  if (best_.size() == 1 && slopes == nullptr) return std::log(s) + log_h((best_[0] - mean(0, 0)) / s).value;
  VectorXd logs(best_.size()), by_z(best_.size());
  for (Eigen::Index j = 0; j < logs.size(); ++j) {
    const LogH h = log_h((best_[j] - mean(j, 0)) / s);
    logs[j] = h.value;
    by_z[j] = h.slope;
  }
  const double value = std::log(s) + log_mean_exp(logs);
  if (slopes != nullptr) {
    slopes->mean = -logs.cwiseProduct(by_z) / s;
    slopes->deviation.resize(1);
    slopes->deviation[0] = (1 + slopes->mean.col(0).dot(best_ - mean.col(0))) / s;
  }
  return value;
}

double HypervolumeImprovement::operator()(const MatrixXd& mean, const VectorXd& deviation, double cost,
                                          Slopes* slopes) const {
  const Eigen::Index draws = mean.rows(), objectives = mean.cols();
  VectorXd logs(draws);
  std::vector<Strips::Gain> gains;
  gains.reserve(fronts_.size());
  for (Eigen::Index j = 0; j < draws; ++j) {
    const Strips& front = fronts_[static_cast<std::size_t>(j)];
    if (known_cost_) {
      gains.push_back(front.log_ehvi_at(cost, mean(j, 0), deviation[0]));
    } else {
      const double means[2] = {mean(j, 0), mean(j, 1)}, deviations[2] = {deviation[0], deviation[1]};
      gains.push_back(front.log_ehvi(means, deviations));
    }
    logs[j] = gains.back().value;
  }
  const double value = log_mean_exp(logs);
  if (slopes != nullptr) {
    slopes->mean.setZero(draws, objectives);
    slopes->deviation.setZero(objectives);
    const int first = known_cost_ ? 1 : 0;
    for (Eigen::Index j = 0; j < draws; ++j) {
      const Strips::Gain& gain = gains[static_cast<std::size_t>(j)];
      for (Eigen::Index m = 0; m < objectives && first + m < 2; ++m) {
        slopes->mean(j, m) = logs[j] * gain.mean[first + m];
        slopes->deviation[m] += logs[j] * gain.deviation[first + m];
      }
    }
  }
  return value;
}

}  // namespace qkd::bayes
