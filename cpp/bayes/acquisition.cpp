#include "bayes/acquisition.h"

#include <cmath>
#include <numbers>

namespace qkd::bayes {
namespace {

const double kLogSqrtTwoPi = 0.5 * std::log(2 * std::numbers::pi);

}  // namespace

LogH log_h(double z) {
  if (z > -1) {
    const double phi = std::exp(-0.5 * z * z - kLogSqrtTwoPi);
    const double below = 0.5 * std::erfc(-z / std::numbers::sqrt2);  // Phi
    const double h = phi + z * below;
    return {std::log(h), below / h};
  }
  const double log_phi = -0.5 * z * z - kLogSqrtTwoPi;
  if (z > -20) {
    // phi is taken out: ratio = Phi / phi, h / phi = 1 - |z| ratio.
    const double ratio =
        std::sqrt(std::numbers::pi / 2) * std::exp(0.5 * z * z) * std::erfc(-z / std::numbers::sqrt2);
    const double rest = 1 + z * ratio;
    return {log_phi + std::log(rest), ratio / rest};
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
  return {log_phi + std::log(h_sum) - 2 * std::log(-z), -z * phi_sum / h_sum};
}

VectorXd log_ei(const Posterior::Batch& batch, double best) {
  VectorXd values(batch.mean.size());
  for (Eigen::Index i = 0; i < values.size(); ++i) {
    const double s = std::sqrt(batch.variance[i]);
    values[i] = std::log(s) + log_h((best - batch.mean[i]) / s).value;
  }
  return values;
}

double log_ei(const Posterior::Local& local, double best, VectorXd& gradient) {
  const double s = std::sqrt(local.variance), z = (best - local.mean) / s;
  const LogH h = log_h(z);
  const VectorXd s_slope = local.variance_slope / (2 * s);
  gradient = (s_slope - h.slope * (local.mean_slope + z * s_slope)) / s;
  return std::log(s) + h.value;
}

}  // namespace qkd::bayes
