#include "bayes/bfgs.h"

#include <algorithm>
#include <cmath>

namespace qkd::bayes {

using Eigen::MatrixXd;
using Eigen::VectorXd;

Minimum minimise(const Smooth& f, const VectorXd& start, const Box& box, const Descent& descent) {
  const Eigen::Index n = start.size();
  VectorXd x = start.cwiseMax(box.low).cwiseMin(box.high);
  VectorXd gradient(n), next_gradient(n);
  double value = f(x, gradient);
  const MatrixXd guess = descent.inverse.size() > 0 ? descent.inverse : MatrixXd::Identity(n, n);
  MatrixXd inverse = guess;

  for (int iteration = 0; iteration < descent.iterations && std::isfinite(value); ++iteration) {
    VectorXd free = VectorXd::Ones(n);
    for (Eigen::Index i = 0; i < n; ++i) {
      if ((x[i] <= box.low[i] && gradient[i] > 0) || (x[i] >= box.high[i] && gradient[i] < 0)) free[i] = 0;
    }
    const VectorXd reduced = gradient.cwiseProduct(free);
    if (reduced.lpNorm<Eigen::Infinity>() < descent.tolerance) break;

    VectorXd step = -(inverse * reduced).cwiseProduct(free);
    if (!(step.dot(gradient) < 0)) {
      inverse = guess;
      step = -reduced;
    }
    double t = std::min(1.0, descent.longest / step.lpNorm<Eigen::Infinity>());

    VectorXd next;
    double next_value = value;
    bool moved = false;
    for (int halving = 0; halving < 12; ++halving) {
      next = (x + t * step).cwiseMax(box.low).cwiseMin(box.high);
      const double slope = gradient.dot(next - x);
      next_value = f(next, next_gradient);
      if (std::isfinite(next_value) && next_value <= value + 1e-4 * slope) {
        moved = next_value < value;
        break;
      }
      // The minimum of the parabola through both values and the slope, kept within reason.
      const double bend = next_value - value - slope;
      t *= std::isfinite(next_value) && bend > 0 ? std::clamp(-0.5 * slope / bend, 0.1, 0.5) : 0.25;
    }
    if (!moved) break;

    const VectorXd s = next - x, y = next_gradient - gradient;
    const double sy = s.dot(y);
    if (sy > 1e-10 * s.norm() * y.norm()) {
      const VectorXd hy = inverse * y;
      inverse +=
          (sy + y.dot(hy)) / (sy * sy) * s * s.transpose() - (hy * s.transpose() + s * hy.transpose()) / sy;
    }
    const double gain = value - next_value;
    x = next;
    value = next_value;
    gradient = next_gradient;
    if (gain < 1e-9 * (1 + std::abs(value))) break;
  }
  return {x, value, inverse};
}

}  // namespace qkd::bayes
