// log EI: its tails against numbers of higher precision, its gradients against finite differences.
#include "bayes/acquisition.h"

#include <cmath>
#include <utility>
#include <vector>

#include "base/key.h"
#include "catch.h"

using namespace qkd;
using namespace qkd::bayes;

TEST_CASE("log h agrees with 80-digit arithmetic from one tail to the other", "[bayes]") {
  // Computed with mpmath 1.3, mp.dps = 80: log(npdf(z) + z erfc(-z / sqrt 2) / 2).
  const std::vector<std::pair<double, double>> golden = {
      {10, 2.302585092994045684},     {3, 1.0987396653277077727},      {0, -0.91893853320467274178},
      {-0.5, -1.6205162643873199193}, {-1, -2.4851210257126413368},    {-1.5, -3.5299359208057098515},
      {-5, -16.744301162660990143},   {-10, -55.553122036122355927},   {-19, -187.31604760112667067},
      {-21, -227.5147329281090678},   {-35, -620.5320766759480023},    {-50, -1258.7441828684608531},
      {-100, -5010.1295788002497923}, {-1000, -500014.73445209115845}, {-10000, -50000019.339619307157},
      {-1e6, -500000000028.54995965}, {-1e7, -50000000000033.15513},   {-1e10, -50000000000000000047.0},
  };
  for (const auto& [z, value] : golden) {
    INFO("z = " << z);
    CHECK(log_h(z).value == Approx(value).epsilon(1e-11));
  }
}

TEST_CASE("the slope of log h is its derivative, also where the formula changes", "[bayes]") {
  for (const double z : {8.0, 1.0, 0.0, -0.999, -1.001, -5.0, -19.99, -20.01, -60.0, -1e4}) {
    INFO("z = " << z);
    const double step = 1e-5 * std::max(1.0, std::abs(z));
    CHECK(log_h(z).slope ==
          Approx((log_h(z + step).value - log_h(z - step).value) / (2 * step)).epsilon(2e-6));
  }
  for (const double z : {-1.0, -20.0}) {
    CHECK(log_h(std::nextafter(z, 0)).value == Approx(log_h(std::nextafter(z, -100)).value).epsilon(1e-12));
    CHECK(log_h(std::nextafter(z, 0)).slope == Approx(log_h(std::nextafter(z, -100)).slope).epsilon(1e-9));
  }
}

TEST_CASE("log h is finite and rises where expected improvement underflows", "[bayes]") {
  double last = -1e301;
  for (double z = -1e150; z < -1; z /= 3) {
    const LogH h = log_h(z);
    REQUIRE(std::isfinite(h.value));
    REQUIRE(std::isfinite(h.slope));
    REQUIRE(h.value > last);
    last = h.value;
  }
}

TEST_CASE("the gradient of log EI agrees with finite differences", "[bayes]") {
  const Key key(4);
  Observations seen{MatrixXd(25, 3), {false, true, false}, VectorXd(25), VectorXd::Zero(25)};
  for (int i = 0; i < 25; ++i) {
    for (int p = 0; p < 3; ++p) seen.x(i, p) = key.uniform(static_cast<std::uint64_t>(3 * i + p));
    seen.x(i, 1) = std::round(seen.x(i, 1));
    seen.y[i] = std::cos(6 * seen.x(i, 0)) + seen.x(i, 2) - seen.x(i, 1);
  }
  VectorXd theta(5);
  theta << -1, 0.3, -0.2, 0, -7;
  const Posterior posterior(seen, theta);
  for (const double best : {-2.5, -0.5, 1.0}) {
    for (int i = 0; i < 10; ++i) {
      MatrixXd at(1, 3);
      at << key.fold("at").uniform(static_cast<std::uint64_t>(2 * i)), i % 2,
          key.fold("at").uniform(static_cast<std::uint64_t>(2 * i + 1));
      VectorXd gradient;
      const double value = log_ei(posterior.predict_with_slopes(at.row(0)), best, gradient);
      CHECK(value == Approx(log_ei(posterior.predict(at), best)[0]).epsilon(1e-8));
      CHECK(gradient[1] == 0);
      for (const int p : {0, 2}) {
        MatrixXd up = at, down = at;
        up(0, p) += 1e-6;
        down(0, p) -= 1e-6;
        const double slope =
            (log_ei(posterior.predict(up), best)[0] - log_ei(posterior.predict(down), best)[0]) / 2e-6;
        CHECK(gradient[p] == Approx(slope).epsilon(1e-4).margin(1e-4));
      }
    }
  }
}
