#include "bayes/warp.h"

#include <cmath>

namespace qkd::bayes {
namespace {

constexpr double kEdge = 1e-4;

}  // namespace

Warped warp(double x, double log_a, double log_b) {
  const double a = std::exp(log_a), b = std::exp(log_b);
  const double u = kEdge + (1 - 2 * kEdge) * x, log_u = std::log(u);
  const double rest = -std::expm1(a * log_u), power = 1 - rest;  // 1 - u^a, u^a
  const double log_rest = std::log(rest);
  const double tail = std::exp(b * log_rest);  // (1 - u^a)^b
  const double steep = b * tail / rest * power;
  return {1 - tail, (1 - 2 * kEdge) * steep * a / u, steep * a * log_u, -tail * b * log_rest};
}

Eigen::ArrayXd log_inside(const Eigen::Ref<const Eigen::ArrayXd>& x) {
  return (kEdge + (1 - 2 * kEdge) * x).log();
}

Eigen::ArrayXd warp(const Eigen::Ref<const Eigen::ArrayXd>& log_u, double log_a, double log_b) {
  const double a = std::exp(log_a), b = std::exp(log_b);
  return 1 - (b * (1 - (a * log_u).exp()).log()).exp();
}

WarpedColumn warp_with_slopes(const Eigen::Ref<const Eigen::ArrayXd>& log_u, double log_a, double log_b) {
  const double a = std::exp(log_a), b = std::exp(log_b);
  const Eigen::ArrayXd power = (a * log_u).exp(), log_rest = (1 - power).log(), tail = (b * log_rest).exp();
  return {1 - tail, b * tail / (1 - power) * power * a * log_u, -b * tail * log_rest};
}

}  // namespace qkd::bayes
