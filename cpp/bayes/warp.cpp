#include "bayes/warp.h"

#include <cmath>

#include "base/simd/algebra.h"

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

VectorXd log_inside(const Eigen::Ref<const VectorXd>& x) {
  VectorXd log_u = kEdge + (1 - 2 * kEdge) * x.array();
  simd::algebra().log(static_cast<int>(x.size()), log_u.data(), log_u.data());
  return log_u;
}

void warp(Eigen::Ref<VectorXd> x_to_w, double log_a, double log_b) {
  const VectorXd log_u = log_inside(x_to_w);
  simd::algebra().kumaraswamy(static_cast<int>(log_u.size()), log_u.data(), std::exp(log_a), std::exp(log_b),
                              x_to_w.data(), nullptr, nullptr);
}

void warp_with_slopes(const Eigen::Ref<const VectorXd>& log_u, double log_a, double log_b,
                      Eigen::Ref<VectorXd> w, Eigen::Ref<VectorXd> by_log_a, Eigen::Ref<VectorXd> by_log_b) {
  simd::algebra().kumaraswamy(static_cast<int>(log_u.size()), log_u.data(), std::exp(log_a), std::exp(log_b),
                              w.data(), by_log_a.data(), by_log_b.data());
}

}  // namespace qkd::bayes
