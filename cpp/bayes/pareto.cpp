#include "bayes/pareto.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "bayes/improvement.h"

namespace qkd::bayes {
namespace {

constexpr double kNothing = -std::numeric_limits<double>::infinity();

// The front below the reference, by the first objective.
std::vector<std::pair<double, double>> front_of(const MatrixXd& points, const VectorXd& reference) {
  std::vector<std::pair<double, double>> sorted, front;
  for (Eigen::Index i = 0; i < points.rows(); ++i) {
    if (points(i, 0) < reference[0] && points(i, 1) < reference[1])
      sorted.emplace_back(points(i, 0), points(i, 1));
  }
  std::ranges::sort(sorted);
  for (const auto& point : sorted) {
    if (front.empty() || point.second < front.back().second) front.push_back(point);
  }
  return front;
}

// log EI below `edge`, and its derivatives in mean and deviation.
struct LogEi {
  double value, mean, deviation;
};
LogEi log_ei(double edge, double mean, double deviation) {
  const double z = (edge - mean) / deviation;
  const LogH h = log_h(z);
  return {std::log(deviation) + h.value, -h.slope / deviation, (1 - h.slope * z) / deviation};
}

}  // namespace

std::vector<Eigen::Index> non_dominated(const MatrixXd& values) {
  std::vector<Eigen::Index> order(static_cast<std::size_t>(values.rows())), front;
  std::iota(order.begin(), order.end(), Eigen::Index{0});
  const auto less = [&values](Eigen::Index a, Eigen::Index b) {
    return std::lexicographical_compare(values.row(a).begin(), values.row(a).end(), values.row(b).begin(),
                                        values.row(b).end());
  };
  std::ranges::stable_sort(order, less);  // nothing later can beat what is earlier
  for (const Eigen::Index i : order) {
    const bool beaten = std::ranges::any_of(front, [&](Eigen::Index other) {
      return (values.row(other).array() <= values.row(i).array()).all();
    });
    if (!beaten) front.push_back(i);
  }
  std::ranges::sort(front);
  return front;
}

double hypervolume(const MatrixXd& points, const VectorXd& reference) {
  double volume = 0, level = reference[1];
  for (const auto& [first, second] : front_of(points, reference)) {
    volume += (reference[0] - first) * (level - second);
    level = second;
  }
  return volume;
}

Strips::Strips(const MatrixXd& points, const VectorXd& reference) : levels_{reference[1]} {
  for (const auto& [first, second] : front_of(points, reference)) {
    edges_.push_back(first);
    levels_.push_back(second);
  }
  edges_.push_back(reference[0]);
}

Strips::Gain Strips::log_ehvi(const double mean[2], const double deviation[2]) const {
  // A running log-sum-exp: the sums are in units of e^largest.
  double largest = kNothing, sum = 0, slopes[4] = {0, 0, 0, 0};
  LogEi left{kNothing, 0, 0};
  for (std::size_t i = 0; i < edges_.size(); ++i) {
    const LogEi right = log_ei(edges_[i], mean[0], deviation[0]);
    const double ratio = std::exp(left.value - right.value), rest = -std::expm1(left.value - right.value);
    const LogEi before = left;
    left = right;
    if (!(rest > 0)) continue;
    const LogEi below = log_ei(levels_[i], mean[1], deviation[1]);
    const double term = right.value + std::log(rest) + below.value;
    if (term > largest) {
      const double shrink = std::exp(largest - term);
      sum *= shrink;
      for (double& slope : slopes) slope *= shrink;
      largest = term;
    }
    const double weight = std::exp(term - largest);
    sum += weight;
    slopes[0] += weight * (right.mean - ratio * before.mean) / rest;
    slopes[1] += weight * below.mean;
    slopes[2] += weight * (right.deviation - ratio * before.deviation) / rest;
    slopes[3] += weight * below.deviation;
  }
  return {largest + std::log(sum), {slopes[0] / sum, slopes[1] / sum}, {slopes[2] / sum, slopes[3] / sum}};
}

Strips::Gain Strips::log_ehvi_at(double cost, double mean, double deviation) const {
  double largest = kNothing, sum = 0, by_mean = 0, by_deviation = 0;
  for (std::size_t i = 0; i < edges_.size(); ++i) {
    const double from = i == 0 ? cost : std::max(cost, edges_[i - 1]);
    if (edges_[i] <= from) continue;
    const LogEi below = log_ei(levels_[i], mean, deviation);
    const double term = std::log(edges_[i] - from) + below.value;
    if (term > largest) {
      const double shrink = std::exp(largest - term);
      sum *= shrink, by_mean *= shrink, by_deviation *= shrink;
      largest = term;
    }
    const double weight = std::exp(term - largest);
    sum += weight;
    by_mean += weight * below.mean;
    by_deviation += weight * below.deviation;
  }
  if (sum == 0) return {kNothing, {0, 0}, {0, 0}};  // dearer than the reference
  return {largest + std::log(sum), {0, by_mean / sum}, {0, by_deviation / sum}};
}

}  // namespace qkd::bayes
