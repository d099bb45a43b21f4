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

}  // namespace qkd::bayes
