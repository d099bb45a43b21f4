// The space, the sequence, the minimiser and the suggestions.
#include <algorithm>
#include <cmath>
#include <memory>
#include <set>

#include "base/check.h"
#include "base/key.h"
#include "bayes/bfgs.h"
#include "bayes/sobol.h"
#include "bayes/suggest.h"
#include "catch.h"

using namespace qkd;
using namespace qkd::bayes;

namespace {

// A category of three, a grid of four for its last two values, a grid of two, and a float unless `finite`.
Space mixed(bool finite) {
  std::vector<Dimension> dimensions(finite ? 3 : 4);
  dimensions[0] = {"kind", Dimension::Kind::category, 3, 0, {}, {}};
  dimensions[1] = {"width", Dimension::Kind::grid, 4, 0, {}, {{0, {1, 2}}}};
  dimensions[2] = {"depth", Dimension::Kind::grid, 2, 0, {}, {}};
  if (!finite) dimensions[3] = {"rate", Dimension::Kind::continuous, 0, 0, {}, {}};
  return Space(dimensions);
}

double score(const RowVectorXd& code) { return std::abs(code[0] - 1) + 0.2 * code[1] - 0.3 * code[2]; }

Trials empty(const Space& space) {
  return {MatrixXd(0, space.size()), MatrixXd(0, 1), MatrixXd(0, 0), {}, MatrixXd(0, space.size())};
}

void append(Trials& trials, const RowVectorXd& code, double value, State state = State::complete) {
  const auto n = trials.values.rows();
  trials.codes.conservativeResize(n + 1, code.size());
  trials.codes.row(n) = code;
  trials.values.conservativeResize(n + 1, 1);
  trials.values(n, 0) = value;
  trials.violations.resize(n + 1, 0);
  trials.states.push_back(state);
}

}  // namespace

TEST_CASE("a space marks what is inactive and lists every configuration once", "[bayes]") {
  const Space space = mixed(true);
  const auto all = space.enumerate(100);
  REQUIRE(all);
  CHECK(all->rows() == 2 + 2 * 4 * 2);  // kind 0 has no width
  std::set<std::vector<double>> distinct;
  for (Eigen::Index i = 0; i < all->rows(); ++i) {
    const RowVectorXd code = all->row(i);
    CHECK(space.canonical(code) == code);
    distinct.insert({code.data(), code.data() + code.size()});
  }
  CHECK(distinct.size() == 18);
  CHECK_FALSE(space.enumerate(17));
  CHECK_FALSE(mixed(false).enumerate(1000));

  RowVectorXd full(3);
  full << 0, 3, 1;
  CHECK(space.canonical(full)[1] == kInactive);
  CHECK(space.encode(space.canonical(full))(0, 1) == 0.5);
  full[0] = 2;
  CHECK(space.encode(space.canonical(full))(0, 1) == Approx(3.5 / 4));
}

TEST_CASE("a space refuses children before their parents and floats as parents", "[bayes]") {
  const Dimension child{"child", Dimension::Kind::grid, 2, 0, {}, {{1, {0}}}};
  const Dimension parent{"parent", Dimension::Kind::grid, 2, 0, {}, {}};
  CHECK_THROWS_AS(Space({child, parent}), ValueError);
  const Dimension number{"number", Dimension::Kind::continuous, 0, 0, {}, {}};
  CHECK_THROWS_AS(Space({parent, number, {"child", Dimension::Kind::grid, 2, 0, {}, {{1, {0}}}}}),
                  ValueError);
}

TEST_CASE("integers in log scale sit and are drawn in log scale", "[bayes]") {
  const Dimension integers{"n", Dimension::Kind::grid, 1000, 1, {}, {}};
  CHECK(integers.position(0) == Approx(std::log(2) / std::log(2001)));
  CHECK(integers.code_at(0.5) == 21);  // round(sqrt(2001) / 2) - 1
  CHECK(integers.code_at(0) == 0);
  CHECK(integers.code_at(1 - 0x1p-53) == 999);
}

TEST_CASE("each dimension of 2^k Sobol points has one in each of 2^k strata", "[bayes]") {
  for (const int n : {8, 64, 512}) {
    const Eigen::MatrixXd points = sobol(Key(5), 0, n, 21);
    for (int d = 0; d < 21; ++d) {
      std::set<int> strata;
      for (int i = 0; i < n; ++i) strata.insert(static_cast<int>(points(i, d) * n));
      CHECK(static_cast<int>(strata.size()) == n);
    }
  }
  // Pairs of dimensions too: the first two dimensions make a (0, m, 2) net.
  const Eigen::MatrixXd points = sobol(Key(6), 0, 64, 2);
  std::set<int> boxes;
  for (int i = 0; i < 64; ++i)
    boxes.insert(8 * static_cast<int>(points(i, 0) * 8) + static_cast<int>(points(i, 1) * 8));
  CHECK(boxes.size() == 64);
  CHECK(sobol(Key(6), 3, 1, 2).row(0) == points.row(3));
}

TEST_CASE("the minimiser ends at the minimum inside the box or on its side", "[bayes]") {
  const Smooth rosenbrock = [](const VectorXd& x, VectorXd& g) {
    const double a = 1 - x[0], b = x[1] - x[0] * x[0];
    g.resize(2);
    g << -2 * a - 400 * x[0] * b, 200 * b;
    return a * a + 100 * b * b;
  };
  Descent descent;
  descent.iterations = 200;
  descent.tolerance = 1e-8;
  const VectorXd start = VectorXd::Constant(2, -1.2);
  const Minimum inside =
      minimise(rosenbrock, start, {VectorXd::Constant(2, -2), VectorXd::Constant(2, 2)}, descent);
  CHECK((inside.x - VectorXd::Ones(2)).norm() < 1e-4);
  const Minimum side =
      minimise(rosenbrock, start, {VectorXd::Constant(2, -2), VectorXd::Constant(2, 0.5)}, descent);
  CHECK(side.x[0] == Approx(0.5));
  CHECK(side.x[1] == Approx(0.25).epsilon(1e-4));
}

TEST_CASE("a finite space is searched without repeats, to its end", "[bayes]") {
  const Space space = mixed(true);
  Suggester suggester(space, RowVectorXd::Zero(3), 7, {});
  Trials trials = empty(space);
  std::set<std::vector<double>> distinct;
  while (const auto code = suggester(trials, {})) {
    CHECK(space.canonical(*code) == *code);
    distinct.insert({code->data(), code->data() + code->size()});
    const bool fails = distinct.size() % 4 == 0;
    append(trials, *code, fails ? NAN : score(*code), fails ? State::failed : State::complete);
    REQUIRE(distinct.size() == static_cast<std::size_t>(trials.values.size()));
  }
  CHECK(distinct.size() == 18);
}

TEST_CASE("a suggestion is a function of the trials alone, also beyond the landmarks of long studies",
          "[bayes]") {
  const Space space = mixed(false);
  const Key key(2);
  Trials trials = empty(space);
  Suggester long_lived(space, RowVectorXd::Zero(4), 7, {});
  for (int i = 0; i < 125; ++i) {
    RowVectorXd u(4);
    for (int d = 0; d < 4; ++d) u[d] = key.uniform(static_cast<std::uint64_t>(4 * i + d));
    const RowVectorXd code = space.canonical(space.full_code(u));
    append(trials, code, score(code) + std::pow(code[3] - 0.3, 2));
    if (i % 13 != 12 && i != 124) continue;
    const auto expected = Suggester(space, RowVectorXd::Zero(4), 7, {})(trials, {});
    CHECK(long_lived(trials, {}) == expected);
    CHECK(long_lived(trials, {}) == expected);
    CHECK(Suggester(space, RowVectorXd::Zero(4), 8, {})(trials, {}) != expected);
  }
}

TEST_CASE("running trials are not suggested again, nor places beside them", "[bayes]") {
  const Space space({{"x", Dimension::Kind::continuous, 0, 0, {}, {}}});
  Suggester suggester(space, RowVectorXd::Zero(1), 3, {});
  Trials trials = empty(space);
  for (int i = 0; i <= 6; ++i) append(trials, RowVectorXd::Constant(1, i / 6.0), std::pow(i / 6.0 - 0.4, 2));
  const double first = (*suggester(trials, {}))[0];
  trials.running = MatrixXd::Constant(1, 1, first);
  CHECK(std::abs((*suggester(trials, {}))[0] - first) > 1e-3);
}

TEST_CASE("what a known constraint refuses is not suggested", "[bayes]") {
  for (const bool finite : {true, false}) {
    const Space space = mixed(finite);
    Suggester suggester(space, RowVectorXd::Zero(space.size()), 7, {});
    Trials trials = empty(space);
    const auto feasible = [](const RowVectorXd& code) { return code[0] == 1 && code[1] < 2; };
    for (int i = 0; i < 12; ++i) {
      const auto code = suggester(trials, {feasible, nullptr});
      if (!code) break;
      CHECK(feasible(*code));
      append(trials, *code, score(*code));
    }
    CHECK(trials.values.size() == (finite ? 4 : 12));
    CHECK_FALSE(suggester(empty(space), {[](const RowVectorXd&) { return false; }, nullptr}));
  }
}

TEST_CASE("the pruned search of a finite space finds the best of all codes", "[bayes]") {
  std::vector<Dimension> dimensions;
  for (const char* name : {"a", "b", "c"}) dimensions.push_back({name, Dimension::Kind::grid, 12, 0, {}, {}});
  const Space space(dimensions);
  const MatrixXd all = *space.enumerate(2000);
  Observations seen{MatrixXd(30, 3), space.feature_kinds(), VectorXd(30), VectorXd::Zero(30)};
  MatrixXd taken(30, 3);
  for (int i = 0; i < 30; ++i) {
    taken.row(i) = all.row((53 * i) % 1728);
    seen.x.row(i) = space.encode(taken.row(i));
    seen.y[i] = std::sin(7 * seen.x(i, 0)) + seen.x(i, 1) - seen.x(i, 2);
  }
  for (Feature& feature : seen.features) feature.warped = false;
  VectorXd t(5);
  t << -1, -1, -0.5, 0, -8;
  const Posterior posterior(seen, t);
  const Acquisition acquisition(
      space, {&posterior}, std::make_unique<ExpectedImprovement>(VectorXd::Constant(1, -1.5)), {}, nullptr);
  const VectorXd scores = acquisition(all);
  CHECK((acquisition.bound(all) - scores).minCoeff() >= -1e-12);
  Admission admission(taken, nullptr);
  const auto found = Search(space, acquisition, admission).among(all);
  REQUIRE(found);
  double best = -1e300;
  for (int i = 0; i < 1728; ++i) {
    if (!admission.taken(all.row(i))) best = std::max(best, scores[i]);
  }
  CHECK(acquisition(*found)[0] == best);
}

TEST_CASE("outputs are standardised at any scale; failures count as the worst", "[bayes]") {
  const std::vector<State> states = {State::complete, State::failed, State::complete, State::pruned,
                                     State::complete};
  VectorXd values(5);
  values << 1, NAN, 3, 2.5, -2;
  const Outcomes out = outcomes(values, states);
  CHECK(out.y.mean() == Approx(0).margin(1e-15));
  CHECK(out.y.squaredNorm() == Approx(5));
  CHECK(out.y[1] == out.y[2]);
  CHECK(out.y[3] == out.y[2]);  // the upper quartile of three is the worst
  CHECK(out.extra[1] > 0);
  CHECK(out.extra[3] > 0);
  CHECK(out.extra[0] == 0);
  for (const double scale : {1e-300, 1e-12, 1e12, 1e300}) {
    const Outcomes scaled = outcomes(scale * values, states);
    CHECK((scaled.y - out.y).cwiseAbs().maxCoeff() < 1e-12);
  }
  VectorXd skewed(9);
  skewed << 0, 1, 2, 3, 4, 5, 6, 12, 1e6;
  std::vector<State> all(9, State::complete);
  const Outcomes cut = outcomes(skewed, all, true);
  CHECK(cut.value(cut.y[8]) == Approx(4 + 3 * 4));
  CHECK(cut.value(cut.y[7]) == Approx(12));
  CHECK(outcomes(skewed, all).y[8] > 2.5);
  all[0] = State::failed;
  CHECK(outcomes(skewed, all, true).y[0] == outcomes(skewed, all, true).y[8]);
  skewed << 0, 0, 0, 0, 0, 0, 5, 6, 7;  // the median is the best: the upper quartile is the cap
  const Outcomes converged = outcomes(skewed, std::vector(9, State::complete), true);
  CHECK(converged.value(converged.y[8]) == Approx(5));
  CHECK(outcomes(VectorXd::Constant(4, 0.1), std::vector(4, State::complete)).y.isZero(0));
  CHECK(outcomes(VectorXd::Constant(4, NAN), std::vector(4, State::failed)).y.isZero(0));
}
