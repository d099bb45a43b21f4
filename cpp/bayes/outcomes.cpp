#include "bayes/outcomes.h"

#include <algorithm>
#include <cmath>

namespace qkd::bayes {
namespace {

constexpr double kUnsureNoise =
    0.25;                   // variance of a failed or pruned trial's value, in units of the outputs'
constexpr double kFar = 3;  // beyond the median by so many of its distances to the best: far worse

}  // namespace

Outcomes outcomes(const VectorXd& values, const std::vector<State>& states, bool capped) {
  const Eigen::Index n = values.size();
  std::vector<double> finite;
  for (Eigen::Index i = 0; i < n; ++i) {
    if (states[static_cast<std::size_t>(i)] == State::complete && std::isfinite(values[i]))
      finite.push_back(values[i]);
  }
  std::ranges::sort(finite);
  const double worst = finite.empty() ? 0 : finite.back();
  const double quartile = finite.empty() ? 0 : finite[finite.size() * 3 / 4];

  Outcomes out{values, VectorXd::Zero(n)};
  for (Eigen::Index i = 0; i < n; ++i) {
    const State state = states[static_cast<std::size_t>(i)];
    if (state == State::complete && std::isfinite(values[i])) continue;
    out.extra[i] = kUnsureNoise;
    const bool curve = state == State::pruned && std::isfinite(values[i]) && !finite.empty();
    out.y[i] = curve ? std::clamp(values[i], quartile, worst) : worst;
  }
  // A quarter at most is cut: a search that has converged must not flatten all that it knows.
  if (capped && !finite.empty()) {
    const double median = finite[finite.size() / 2];
    out.y = out.y.cwiseMin(std::max(median + kFar * (median - finite.front()), quartile));
  }
  // Scaled first, so that squares of 1e200 do not overflow.
  const double largest = out.y.cwiseAbs().maxCoeff();
  if (largest > 0) {
    out.largest = largest;
    out.y /= largest;
  }
  out.mean = out.y.mean();
  out.y.array() -= out.mean;
  const double deviation = std::sqrt(out.y.squaredNorm() / static_cast<double>(n));
  // Equal outputs differ by rounding alone: that is no information.
  if (deviation > 1e-14) {
    out.deviation = deviation;
    out.y /= deviation;
  } else {
    out.y.setZero();
  }
  return out;
}

}  // namespace qkd::bayes
