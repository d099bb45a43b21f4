// Kernel, MAP and posterior against finite differences and against dense linear algebra written out.
#include <Eigen/Cholesky>
#include <Eigen/LU>
#include <cmath>
#include <utility>

#include "base/key.h"
#include "bayes/map.h"
#include "bayes/posterior.h"
#include "bayes/warp.h"
#include "catch.h"

using namespace qkd;
using namespace qkd::bayes;
using Eigen::RowVectorXd;

namespace {

// Three numbers and a category, with failed trials among them.
Observations observations(int n, int seed) {
  const Key key = Key(11).fold(static_cast<std::uint64_t>(seed));
  Observations seen{MatrixXd(n, 4), {{}, {}, {true}, {}}, VectorXd(n), VectorXd::Zero(n)};
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
    r2 += (seen.features[p].categorical ? double(d != 0) : d * d) * std::exp(-2 * t[p]);
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
  VectorXd r2(5), up(5), k(5), slope(5), k_up(5), unused(5);
  r2 << 0, 1e-6, 0.3, 4, 200;
  const double one = 1;
  const auto matern = qkd::simd::algebra().matern;
  matern(5, 1, r2.data(), 5, &one, k.data(), slope.data());
  CHECK(slope(0) == Approx(-5.0 / 6));
  CHECK(k(0) == 1);
  up = r2.array() + 1e-6 * (1e-3 + r2.array());
  matern(5, 1, up.data(), 5, &one, k_up.data(), unused.data());
  for (int i = 0; i < 5; ++i) {
    CHECK((k_up(i) - k(i)) / (1e-6 * (1e-3 + r2(i))) == Approx(slope(i)).epsilon(1e-4).margin(1e-12));
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

TEST_CASE("a warp is a rising curve of [0, 1], and its slopes are its derivatives", "[bayes]") {
  for (const auto& [log_a, log_b] : {std::pair{0.0, 0.0}, {1.2, -1.2}, {-1.2, 1.2}, {0.7, 0.4}}) {
    double last = -1e-9;
    for (const double x : {0.0, 1e-3, 0.2, 0.5, 0.9, 1.0}) {
      const Warped at = warp(x, log_a, log_b);
      CHECK(at.w > last);
      CHECK(at.w <= 1);
      if (log_a == 0 && log_b == 0) CHECK(at.w == Approx(x).margin(2e-4));
      last = at.w;
      VectorXd column = VectorXd::Constant(3, x), w(3), by_log_a(3), by_log_b(3);
      warp_with_slopes(log_inside(column), log_a, log_b, w, by_log_a, by_log_b);
      warp(column, log_a, log_b);
      CHECK(column[1] == w[1]);
      CHECK(w[2] == Approx(at.w).epsilon(1e-10));
      CHECK(by_log_a[1] == Approx(at.by_log_a).epsilon(1e-8).margin(1e-12));
      CHECK(by_log_b[0] == Approx(at.by_log_b).epsilon(1e-8).margin(1e-12));
      const auto slope = [&, a = log_a, b = log_b](double dx, double da, double db) {
        return (warp(x + dx, a + da, b + db).w - warp(x - dx, a - da, b - db).w) / (2 * (dx + da + db));
      };
      CHECK(at.by_x == Approx(slope(1e-7, 0, 0)).epsilon(1e-4).margin(1e-5));
      CHECK(at.by_log_a == Approx(slope(0, 1e-6, 0)).epsilon(1e-5).margin(1e-9));
      CHECK(at.by_log_b == Approx(slope(0, 0, 1e-6)).epsilon(1e-5).margin(1e-9));
    }
  }
}

TEST_CASE("the MAP gradient agrees with finite differences through warps", "[bayes]") {
  Observations seen = observations(40, 9);
  seen.features[0].warped = seen.features[3].warped = true;
  VectorXd t(10);
  t << theta(), 0.4, -0.3, -0.8, 0.6;
  MapObjective objective(seen);
  VectorXd gradient, unused;
  objective(t, gradient);
  for (int i = 0; i < 10; ++i) {
    VectorXd up = t, down = t;
    up[i] += 1e-5;
    down[i] -= 1e-5;
    CHECK(gradient[i] ==
          Approx((objective(up, unused) - objective(down, unused)) / 2e-5).epsilon(1e-5).margin(1e-7));
  }
  // A warp is a change of the features, nothing else.
  Observations curved = seen;
  for (int i = 0; i < 40; ++i) {
    curved.x(i, 0) = warp(seen.x(i, 0), 0.4, -0.3).w;
    curved.x(i, 3) = warp(seen.x(i, 3), -0.8, 0.6).w;
  }
  curved.features[0].warped = curved.features[3].warped = false;
  const Posterior direct(seen, t), by_hand(curved, theta());
  const auto batch = direct.predict(seen.x), same = by_hand.predict(curved.x);
  CHECK((batch.mean - same.mean).cwiseAbs().maxCoeff() < 1e-12);
  const auto local = direct.predict_with_slopes(seen.x.row(7));
  MatrixXd pair(2, 4);
  pair << seen.x.row(7), seen.x.row(7);
  pair(0, 3) -= 1e-6;
  pair(1, 3) += 1e-6;
  const auto ends = direct.predict(pair);
  CHECK(local.mean_slope(3, 0) == Approx((ends.mean(1, 0) - ends.mean(0, 0)) / 2e-6).epsilon(1e-5));
  CHECK(local.variance_slope[3] == Approx((ends.variance[1] - ends.variance[0]) / 2e-6).epsilon(1e-4));
}

TEST_CASE("a posterior that grew trial by trial is the one made at once", "[bayes]") {
  const Observations all = observations(60, 4), at = observations(7, 6);
  Observations first = all;
  first.x.conservativeResize(45, 4);
  first.y.conservativeResize(45);
  first.extra.conservativeResize(45);
  Posterior grown(first, theta(), 15);
  grown.append(all.x.bottomRows(15), all.extra.tail(15));
  grown.tell(all.y);
  const Posterior whole(all, theta());
  const auto a = grown.predict(at.x), b = whole.predict(at.x);
  CHECK((a.mean - b.mean).cwiseAbs().maxCoeff() < 1e-10);
  CHECK((a.variance - b.variance).cwiseAbs().maxCoeff() < 1e-10);
  CHECK((grown.means_at_seen() - whole.means_at_seen()).cwiseAbs().maxCoeff() < 1e-10);
  const auto bound = whole.bound(at.x);
  CHECK((bound.mean - b.mean).cwiseAbs().maxCoeff() < 1e-12);
  CHECK((bound.variance - b.variance).minCoeff() >= 0);
}

TEST_CASE("imagined outcomes condition the process as outcomes that were told", "[bayes]") {
  const Observations seen = observations(30, 2), at = observations(6, 7);
  MatrixXd running = observations(3, 8).x, z(3, 2);
  z << 0.3, -1.2, 0.9, 0.1, -0.4, 2;
  Posterior imagining(seen, theta());
  const MatrixXd means = imagining.imagine(running, z);
  const auto batch = imagining.predict(at.x);
  REQUIRE(batch.mean.cols() == 2);
  // The constant mean is that of the trials told: the process about it is conditioned.
  const MatrixXd inverse = covariance(seen, theta()).inverse();
  const VectorXd one = VectorXd::Ones(30);
  const double c = one.dot(inverse * seen.y) / (one.dot(inverse * one) + 1);
  Observations both = seen;
  both.x.conservativeResize(33, 4);
  both.x.bottomRows(3) = running;
  both.extra.conservativeResize(33);
  both.extra.tail(3).setZero();
  const MatrixXd k = covariance(both, theta()), lower = k.llt().matrixL(), k_inverse = k.inverse();
  for (int j = 0; j < 2; ++j) {
    VectorXd white(33);
    white << lower.topLeftCorner(30, 30).triangularView<Eigen::Lower>().solve((seen.y.array() - c).matrix()),
        z.col(j);
    const VectorXd weights = k_inverse * (lower * white);  // of the outcomes drawn
    const auto mean_at = [&](const MatrixXd& x) {
      double mean = c;
      for (int n = 0; n < 33; ++n) mean += weights[n] * entry(seen, both.x.row(n), x, theta());
      return mean;
    };
    for (int i = 0; i < 3; ++i) CHECK(means(i, j) == Approx(mean_at(running.row(i))).epsilon(1e-8));
    for (int i = 0; i < 6; ++i) {
      VectorXd row(33);
      for (int n = 0; n < 33; ++n) row[n] = entry(seen, both.x.row(n), at.x.row(i), theta());
      CHECK(batch.mean(i, j) == Approx(mean_at(at.x.row(i))).epsilon(1e-8));
      CHECK(batch.variance[i] == Approx(std::exp(0.2) - row.dot(k_inverse * row)).epsilon(1e-7));
    }
  }
}

TEST_CASE("a fit descends from every start and stays in its box", "[bayes]") {
  const Observations seen = observations(60, 3);
  const VectorXd best = fit(seen).x;
  MapObjective objective(seen);
  VectorXd gradient, unused;
  const double value = objective(best, gradient);
  for (const VectorXd& start : theta_starts(seen.features)) CHECK(value < objective(start, unused));
  const Box box = theta_box(seen.features);
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
    CHECK(batch.mean(i, 0) == Approx(c + k.dot(inverse * (seen.y - c * one))).epsilon(1e-9));
    CHECK(batch.variance[i] == Approx(std::exp(0.2) - k.dot(inverse * k)).epsilon(1e-8));

    const auto local = posterior.predict_with_slopes(at.x.row(i));
    CHECK(local.mean[0] == Approx(batch.mean(i, 0)).epsilon(1e-11));
    CHECK(local.variance == Approx(batch.variance[i]).epsilon(1e-9));
    for (int p = 0; p < 4; ++p) {
      if (seen.features[p].categorical) {
        CHECK(local.mean_slope(p, 0) == 0);
        continue;
      }
      MatrixXd pair(2, 4);
      pair << at.x.row(i), at.x.row(i);
      pair(0, p) -= 1e-5;
      pair(1, p) += 1e-5;
      const auto ends = posterior.predict(pair);
      CHECK(local.mean_slope(p, 0) ==
            Approx((ends.mean(1, 0) - ends.mean(0, 0)) / 2e-5).epsilon(1e-5).margin(1e-7));
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
