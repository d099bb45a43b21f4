// Improvements: their tails against numbers of higher precision, its gradients against finite differences.
#include "bayes/acquisition.h"

#include <cmath>
#include <memory>
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

TEST_CASE("log Phi agrees with 80-digit arithmetic, and its slope is its derivative", "[bayes]") {
  // mpmath: log(ncdf(z)).
  for (const auto& [z, value] : std::vector<std::pair<double, double>>{{2, -0.023012909328963488467},
                                                                       {0, -0.69314718055994530942},
                                                                       {-2, -3.7831843336820319488},
                                                                       {-30, -454.32124395634319829}}) {
    INFO("z = " << z);
    CHECK(log_phi(z).value == Approx(value).epsilon(1e-11));
    CHECK(log_phi(z).slope ==
          Approx((log_phi(z + 1e-5).value - log_phi(z - 1e-5).value) / 2e-5).epsilon(1e-6));
  }
}

namespace {

const Space kSpace({{"u", Dimension::Kind::continuous, 0, 0, {}, {}},
                    {"kind", Dimension::Kind::category, 2, 0, {}, {}},
                    {"v", Dimension::Kind::continuous, 0, 0, {}, {}}});

Posterior process(int which) {
  const Key key = Key(4).fold(static_cast<std::uint64_t>(which));
  Observations seen{MatrixXd(25, 3), {{}, {true}, {}}, VectorXd(25), VectorXd::Zero(25)};
  for (int i = 0; i < 25; ++i) {
    for (int p = 0; p < 3; ++p) seen.x(i, p) = key.uniform(static_cast<std::uint64_t>(3 * i + p));
    seen.x(i, 1) = std::round(seen.x(i, 1));
    seen.y[i] = std::cos((6 + which) * seen.x(i, 0)) + seen.x(i, 2) - seen.x(i, 1);
  }
  VectorXd theta(5);
  theta << -1, 0.3, -0.2, 0, -7;
  return {seen, theta};
}

// The gradient against finite differences, in the floats; the cost is held where the code is.
void check_gradient(const Acquisition& acquisition) {
  for (int i = 0; i < 10; ++i) {
    RowVectorXd at(3);
    at << Key(9).uniform(static_cast<std::uint64_t>(2 * i)), i % 2,
        Key(9).uniform(static_cast<std::uint64_t>(2 * i + 1));
    VectorXd gradient, unused;
    const VectorXd x = at.transpose();
    const double cost = acquisition.cost_of(at), value = acquisition.at(x, cost, gradient);
    CHECK(value == Approx(acquisition(at)[0]).epsilon(1e-8));
    CHECK(gradient[1] == 0);
    for (const int p : {0, 2}) {
      VectorXd up = x, down = x;
      up[p] += 1e-6;
      down[p] -= 1e-6;
      const double slope = (acquisition.at(up, cost, unused) - acquisition.at(down, cost, unused)) / 2e-6;
      CHECK(gradient[p] == Approx(slope).epsilon(1e-4).margin(1e-4));
    }
  }
}

}  // namespace

TEST_CASE("the gradient of log EI agrees with finite differences, with running trials and limits too",
          "[bayes]") {
  const Posterior one = process(1), limit = process(2);
  Posterior imagining = process(1);
  MatrixXd z(2, 5);
  z << 0.2, -0.4, 1.1, -2, 0.7, 0.3, 0.9, -0.1, 0.6, -1.3;
  const MatrixXd draws = imagining.imagine(MatrixXd::Constant(2, 3, 0.25), z);
  for (const double best : {-2.5, -0.5, 1.0}) {
    const auto improvement = [best](Eigen::Index n) {
      return std::make_unique<ExpectedImprovement>(VectorXd::Constant(n, best));
    };
    check_gradient({kSpace, {&one}, improvement(1), {}, nullptr});
    check_gradient({kSpace, {&one}, improvement(1), {{&limit, 0.1}, {&one, -1}}, nullptr});
    check_gradient({kSpace, {&imagining}, improvement(5), {}, nullptr});
    check_gradient({kSpace, {}, nullptr, {{&limit, -0.4}}, nullptr});
  }
}

TEST_CASE("the gradients of both hypervolume improvements agree with finite differences", "[bayes]") {
  const Posterior one = process(1), other = process(2);
  MatrixXd front(4, 2);
  front << -1, 0.5, -0.3, 0.1, 0.2, -0.7, 0.4, 0.9;       // the last one is beaten
  const VectorXd reference = VectorXd::Constant(2, 2.5);  // dearer than any code
  const Cost cost = [](const MatrixXd& codes) { return VectorXd(codes.col(0) + codes.col(1)); };
  const std::vector<Strips> strips = {Strips(front, reference)};
  check_gradient(
      {kSpace, {&one, &other}, std::make_unique<HypervolumeImprovement>(strips, false), {}, nullptr});
  check_gradient({kSpace, {&one}, std::make_unique<HypervolumeImprovement>(strips, true), {}, cost});
}

TEST_CASE("expected hypervolume improvement is the mean of what points would add", "[bayes]") {
  const Key key(3);
  MatrixXd front(3, 2);
  front << -1, 0.5, -0.3, 0.1, 0.2, -0.7;
  VectorXd reference(2);
  reference << 0.8, 1.1;
  const double before = hypervolume(front, reference);
  CHECK(before == Approx(1.8 * 0.6 + 1.1 * 0.4 + 0.6 * 0.8));
  const Strips strips(front, reference);
  const double mean[2] = {-0.4, -0.2}, deviation[2] = {0.5, 0.6};
  constexpr int kDraws = 200'000;
  double both = 0, known = 0;
  MatrixXd with(4, 2);
  for (int i = 0; i < kDraws; ++i) {
    with.topRows(3) = front;
    const double v = mean[1] + deviation[1] * key.normal(static_cast<std::uint64_t>(2 * i + 1));
    with.row(3) << mean[0] + deviation[0] * key.normal(static_cast<std::uint64_t>(2 * i)), v;
    both += (hypervolume(with, reference) - before) / kDraws;
    with.row(3) << -0.6, v;
    known += (hypervolume(with, reference) - before) / kDraws;
  }
  CHECK(std::exp(strips.log_ehvi(mean, deviation).value) == Approx(both).epsilon(0.01));
  CHECK(std::exp(strips.log_ehvi_at(-0.6, mean[1], deviation[1]).value) == Approx(known).epsilon(0.01));
  CHECK(std::isinf(strips.log_ehvi_at(0.9, 0, 1).value));  // dearer than the reference
  const double far[2] = {40, 50}, narrow[2] = {0.1, 0.1};
  CHECK(std::isfinite(strips.log_ehvi(far, narrow).value));
}

TEST_CASE("the front is what nothing beats", "[bayes]") {
  MatrixXd values(5, 3);
  values << 1, 2, 3, 1, 2, 3, 0, 5, 5, 2, 2, 3, 3, 3, 0;
  CHECK(non_dominated(values) == std::vector<Eigen::Index>{0, 2, 4});
  CHECK(non_dominated(MatrixXd(0, 2)).empty());
}
