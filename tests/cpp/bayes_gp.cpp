// Kernel, MAP and posterior against finite differences and against dense linear algebra written out.
#include <Eigen/Cholesky>
#include <Eigen/LU>
#include <cmath>

#include "base/key.h"
#include "bayes/map.h"
#include "bayes/posterior.h"
#include "catch.h"

using namespace qkd;
using namespace qkd::bayes;
using Eigen::RowVectorXd;

namespace {

// Three numbers and a category, with failed trials among them.
Observations observations(int n, int seed) {
  const Key key = Key(11).fold(static_cast<std::uint64_t>(seed));
  Observations seen{MatrixXd(n, 4), {false, false, true, false}, VectorXd(n), VectorXd::Zero(n)};
  for (int i = 0; i < n; ++i) {
    for (int p = 0; p < 4; ++p) seen.x(i, p) = key.uniform(static_cast<std::uint64_t>(4 * i + p));
    seen.x(i, 2) = std::floor(3 * seen.x(i, 2)) - 1;
    seen.y[i] = std::sin(5 * seen.x(i, 0)) + seen.x(i, 2) * seen.x(i, 1);
    if (i % 5 == 0) seen.extra[i] = 0.25;
  }
  seen.y.array() -= seen.y.mean();
  if (n > 1) seen.y /= std::sqrt(seen.y.squaredNorm() / n);
  return seen;
}

VectorXd theta() {
  VectorXd t(6);
  t << -0.7, 0.1, 0.4, 1.3, 0.2, -3;
  return t;
}

// k(a, b) as the notation has it.
double entry(const Observations& seen, const RowVectorXd& a, const RowVectorXd& b, const VectorXd& t) {
  double r2 = 0;
  for (int p = 0; p < 4; ++p) {
    const double d = a[p] - b[p];
    r2 += (seen.categorical[p] ? double(d != 0) : d * d) * std::exp(-2 * t[p]);
  }
  const double q = std::sqrt(5 * r2);
  return std::exp(t[4]) * (1 + q + q * q / 3) * std::exp(-q);
}

MatrixXd covariance(const Observations& seen, const VectorXd& t) {
  const auto n = seen.x.rows();
  MatrixXd k(n, n);
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j < n; ++j) k(i, j) = entry(seen, seen.x.row(i), seen.x.row(j), t);
    k(i, i) += std::exp(t[5]) + kNoiseFloor + seen.extra[i];
  }
  return k;
}

}  // namespace

TEST_CASE("the slope of Matern-5/2 is its derivative and is finite at zero", "[bayes]") {
  ArrayXXd r2(5, 1), up(5, 1), down(5, 1), k(5, 1), slope(5, 1);
  r2 << 0, 1e-6, 0.3, 4, 200;
  matern(r2, k, slope);
  CHECK(slope(0) == Approx(-5.0 / 6));
  CHECK(k(0) == 1);
  up = r2 + 1e-6 * (1e-3 + r2);
  down = r2;
  matern(up);
  matern(down);
  for (int i = 0; i < 5; ++i) {
    CHECK(down(i) == Approx(k(i)).epsilon(1e-14));
    CHECK((up(i) - down(i)) / (1e-6 * (1e-3 + r2(i))) == Approx(slope(i)).epsilon(1e-4).margin(1e-12));
  }
}

TEST_CASE("the MAP objective is the log posterior of the definition", "[bayes]") {
  const Observations seen = observations(40, 1);
  MapObjective objective(seen);
  const auto by_hand = [&seen](const VectorXd& t) {
    const MatrixXd k = covariance(seen, t), inverse = k.inverse();
    const VectorXd one = VectorXd::Ones(40);
    const double c = one.dot(inverse * seen.y) / (one.dot(inverse * one) + 1);
    const VectorXd r = seen.y - c * one;
    double value = 0.5 * r.dot(inverse * r) + 0.5 * std::log(k.determinant()) + 0.5 * c * c;
    for (int p = 0; p < 4; ++p) value += 0.5 * std::pow((t[p] - std::log(0.5) - 0.25 * std::log(4)) / 0.9, 2);
    return value + 0.5 * std::pow((t[4] - 0.3) / 0.7, 2) + 0.5 * std::pow((t[5] + 6) / 2, 2);
  };
  VectorXd unused;
  CHECK(objective(theta(), unused) == Approx(by_hand(theta())).epsilon(1e-10));
  const VectorXd other = theta().array() - 0.5;
  CHECK(objective(other, unused) == Approx(by_hand(other)).epsilon(1e-10));
}

TEST_CASE("the MAP gradient agrees with finite differences", "[bayes]") {
  for (const int n : {1, 2, 7, 70}) {  // 70: more than two panels of the inverse
    const Observations seen = observations(n, n);
    MapObjective objective(seen);
    VectorXd gradient, unused;
    objective(theta(), gradient);
    for (int t = 0; t < 6; ++t) {
      VectorXd up = theta(), down = theta();
      up[t] += 1e-5;
      down[t] -= 1e-5;
      CHECK(gradient[t] ==
            Approx((objective(up, unused) - objective(down, unused)) / 2e-5).epsilon(1e-6).margin(1e-8));
    }
  }
}

TEST_CASE("a fit descends from every start and stays in its box", "[bayes]") {
  const Observations seen = observations(60, 3);
  const VectorXd best = fit(seen).x;
  MapObjective objective(seen);
  VectorXd gradient, unused;
  const double value = objective(best, gradient);
  for (const VectorXd& start : theta_starts(4)) CHECK(value < objective(start, unused));
  const Box box = theta_box(4);
  for (int t = 0; t < 6; ++t) {
    CHECK(best[t] >= box.low[t]);
    CHECK(best[t] <= box.high[t]);
    if (best[t] > box.low[t] && best[t] < box.high[t]) CHECK(std::abs(gradient[t]) < 0.05);
  }
}

TEST_CASE("the posterior is that of the definition, and its slopes its derivatives", "[bayes]") {
  const Observations seen = observations(50, 5);
  const Posterior posterior(seen, theta());
  const Observations at = observations(9, 6);
  const auto batch = posterior.predict(at.x);
  const MatrixXd inverse = covariance(seen, theta()).inverse();
  const VectorXd one = VectorXd::Ones(50);
  const double c = one.dot(inverse * seen.y) / (one.dot(inverse * one) + 1);
  for (int i = 0; i < 9; ++i) {
    VectorXd k(50);
    for (int j = 0; j < 50; ++j) k[j] = entry(seen, seen.x.row(j), at.x.row(i), theta());
    CHECK(batch.mean[i] == Approx(c + k.dot(inverse * (seen.y - c * one))).epsilon(1e-9));
    CHECK(batch.variance[i] == Approx(std::exp(0.2) - k.dot(inverse * k)).epsilon(1e-8));

    const auto local = posterior.predict_with_slopes(at.x.row(i));
    CHECK(local.mean == Approx(batch.mean[i]).epsilon(1e-11));
    CHECK(local.variance == Approx(batch.variance[i]).epsilon(1e-9));
    for (int p = 0; p < 4; ++p) {
      if (seen.categorical[p]) {
        CHECK(local.mean_slope[p] == 0);
        continue;
      }
      MatrixXd pair(2, 4);
      pair << at.x.row(i), at.x.row(i);
      pair(0, p) -= 1e-5;
      pair(1, p) += 1e-5;
      const auto ends = posterior.predict(pair);
      CHECK(local.mean_slope[p] == Approx((ends.mean[1] - ends.mean[0]) / 2e-5).epsilon(1e-5).margin(1e-7));
      CHECK(local.variance_slope[p] ==
            Approx((ends.variance[1] - ends.variance[0]) / 2e-5).epsilon(1e-5).margin(1e-7));
    }
  }
}

TEST_CASE("duplicates and equal outputs leave the covariance positive definite", "[bayes]") {
  Observations seen = observations(30, 8);
  seen.x.bottomRows(15) = seen.x.topRows(15);
  seen.extra.setZero();
  VectorXd t = theta();
  t << 5, 5, 5, 5, 4, -14;  // the corner of the box where K is nearest to singular
  VectorXd gradient;
  CHECK(std::isfinite(MapObjective(seen)(t, gradient)));
  const auto batch = Posterior(seen, t).predict(seen.x);
  CHECK(batch.mean.allFinite());
  CHECK(batch.variance.minCoeff() > 0);
}
