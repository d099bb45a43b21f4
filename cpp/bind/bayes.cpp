#include <pybind11/eigen.h>
#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include "base/check.h"
#include "bayes/improvement.h"
#include "bayes/map.h"
#include "bayes/pareto.h"
#include "bayes/posterior.h"
#include "bayes/suggest.h"
#include "bind/gil.h"
#include "bind/module.h"

namespace qkd::bind {
namespace {

using namespace bayes;
using Conditions = std::vector<std::pair<int, std::vector<std::int64_t>>>;

std::vector<Condition> conditions_from(const Conditions& pairs) {
  std::vector<Condition> conditions;
  for (const auto& [parent, levels] : pairs) conditions.push_back({parent, levels});
  return conditions;
}

// "complete", "failed" or "pruned".
State state_from(const std::string& name) {
  if (name == "complete") return State::complete;
  if (name == "failed") return State::failed;
  require(name == "pruned", "Suggester", "state must be complete, failed or pruned; got ", name);
  return State::pruned;
}

Trials trials_from(const Space& space, MatrixXd codes, MatrixXd values,
                   const std::vector<std::string>& states, MatrixXd violations, MatrixXd running) {
  const auto n = codes.rows();
  require(codes.cols() == space.size() && running.cols() == space.size(), "Suggester", "codes must have ",
          space.size(), " columns; got ", codes.cols(), " and ", running.cols());
  require(values.rows() == n && static_cast<Eigen::Index>(states.size()) == n && violations.rows() == n,
          "Suggester", "values, states and violations must be one a trial; got ", n, " trials, ",
          values.rows(), " values, ", states.size(), " states, ", violations.rows(), " violations");
  require(values.cols() > 0, "Suggester", "values must have a column at least; got none");
  Trials trials{std::move(codes), std::move(values), std::move(violations), {}, std::move(running)};
  for (const std::string& state : states) trials.states.push_back(state_from(state));
  return trials;
}

// Python's callables, called with the GIL that the search let go of.
using PythonFeasible = std::function<bool(VectorXd)>;
using PythonCost = std::function<VectorXd(MatrixXd)>;
Known known_from(const PythonFeasible& feasible, const PythonCost& cost) {
  Known known;
  if (feasible) {
    known.feasible = [&feasible](const RowVectorXd& code) {
      const Held held;
      return feasible(code.transpose());
    };
  }
  if (cost) {
    known.cost = [&cost](const MatrixXd& codes) {
      const Held held;
      VectorXd costs = cost(codes);
      require(costs.size() == codes.rows() && costs.allFinite(), "Suggester",
              "cost must give a finite number for each code");
      return costs;
    };
  }
  return known;
}

Features features_from(const std::vector<bool>& categorical, const std::vector<bool>& warped) {
  require(warped.empty() || warped.size() == categorical.size(), "bayes",
          "warped must have P entries, or none; got ", warped.size());
  Features features;
  for (std::size_t p = 0; p < categorical.size(); ++p) {
    features.push_back({categorical[p], !warped.empty() && warped[p]});
  }
  return features;
}

Observations observations_from(MatrixXd x, VectorXd y, const std::vector<bool>& categorical,
                               const std::vector<bool>& warped, const VectorXd& theta) {
  require(x.rows() == y.size() && x.rows() > 0, "bayes", "x (n, P) and y (n) must have the same n > 0; got ",
          x.rows(), " and ", y.size());
  Features features = features_from(categorical, warped);
  require(x.cols() == static_cast<Eigen::Index>(categorical.size()) && theta.size() == theta_size(features),
          "bayes",
          "categorical must have P entries and theta P + 2, and 2 more for each warped feature; got P = ",
          x.cols(), ", ", categorical.size(), " and ", theta.size());
  const auto n = y.size();
  return {std::move(x), std::move(features), std::move(y), VectorXd::Zero(n)};
}

}  // namespace

void bayes(py::module_& m) {
  py::class_<Dimension>(m, "Dimension", "One dimension of a search space.")
      .def_static(
          "continuous",
          [](std::string name, const Conditions& conditions) {
            return Dimension{
                .name = std::move(name), .positions = {}, .conditions = conditions_from(conditions)};
          },
          py::arg("name"), py::arg("conditions"), "A float, coded as a position in [0, 1].")
      .def_static(
          "grid",
          [](std::string name, std::int64_t levels, double log_from, std::vector<double> positions,
             const Conditions& conditions) {
            return Dimension{std::move(name), Dimension::Kind::grid, levels,
                             log_from,        std::move(positions),  conditions_from(conditions)};
          },
          py::arg("name"), py::arg("levels"), py::arg("log_from"), py::arg("positions"),
          py::arg("conditions"),
          "Ordered levels: even, the integers from log_from > 0 in log scale, or at positions in [0, 1].")
      .def_static(
          "category",
          [](std::string name, std::int64_t levels, const Conditions& conditions) {
            return Dimension{
                std::move(name), Dimension::Kind::category, levels, 0, {}, conditions_from(conditions)};
          },
          py::arg("name"), py::arg("levels"), py::arg("conditions"), "Levels without an order.");

  py::class_<Suggester>(
      m, "Suggester",
      "What to try next: a function of the space, the list of trials and the seed alone. A code is "
      "a float64 row of one entry a dimension: a position, a level, or -1 where inactive.")
      .def(py::init([](std::vector<Dimension> dimensions, const VectorXd& default_code, std::uint64_t seed,
                       std::vector<double> reference) {
             Space space(std::move(dimensions));
             require(default_code.size() == space.size(), "Suggester", "the default must have ", space.size(),
                     " entries; got ", default_code.size());
             return Suggester(std::move(space), default_code.transpose(), seed, std::move(reference));
           }),
           py::arg("dimensions"), py::arg("default_code"), py::arg("seed"), py::arg("reference"))
      .def(
          "canonical",
          [](const Suggester& s, const VectorXd& code) -> VectorXd {
            return s.space().canonical(code.transpose()).transpose();
          },
          py::arg("code"), "The code (D,) with inactive dimensions marked.")
      .def(
          "suggest",
          [](Suggester& s, MatrixXd codes, MatrixXd values, const std::vector<std::string>& states,
             MatrixXd violations, MatrixXd running, const PythonFeasible& feasible,
             const PythonCost& cost) -> std::optional<VectorXd> {
            const Trials trials = trials_from(s.space(), std::move(codes), std::move(values), states,
                                              std::move(violations), std::move(running));
            const Known known = known_from(feasible, cost);
            const Released released;
            const auto code = s(trials, known);
            if (!code) return std::nullopt;
            return code->transpose();
          },
          py::arg("codes"), py::arg("values"), py::arg("states"), py::arg("violations"), py::arg("running"),
          py::arg("feasible"), py::arg("cost"),
          "A new code (D,), or None where none is left. codes (n, D), values (n, M) to minimise and "
          "violations "
          "(n, C), met where <= 0, of finished trials in the order told; states 'complete', 'failed' or "
          "'pruned'; running (m, D); feasible(code) and cost(codes (m, D)) -> (m,), or None.")
      .def(
          "predict",
          [](Suggester& s, MatrixXd codes, MatrixXd values, const std::vector<std::string>& states,
             int objective, const MatrixXd& at) {
            const auto n = codes.rows();
            require(at.cols() == s.space().size(), "Suggester.predict", "at must have ", s.space().size(),
                    " columns; got ", at.cols());
            const Trials trials = trials_from(s.space(), std::move(codes), std::move(values), states,
                                              MatrixXd(n, 0), MatrixXd(0, s.space().size()));
            const Released released;
            auto prediction = s.predict(trials, objective, at);
            return std::make_pair(std::move(prediction.mean), std::move(prediction.deviation));
          },
          py::arg("codes"), py::arg("values"), py::arg("states"), py::arg("objective"), py::arg("at"),
          "Mean and standard deviation (m,) of a value, in its own units, at canonical codes `at` (m, D).");

  m.def(
      "gp_posterior",
      [](MatrixXd x, VectorXd y, const std::vector<bool>& categorical, const VectorXd& theta,
         const MatrixXd& at, const std::vector<bool>& warped) {
        require(at.cols() == x.cols(), "gp_posterior", "at must have P columns; got ", at.cols());
        const Posterior posterior(observations_from(std::move(x), std::move(y), categorical, warped, theta),
                                  theta);
        auto batch = posterior.predict(at);
        return py::make_tuple(VectorXd(batch.mean.col(0)), std::move(batch.variance));
      },
      py::arg("x"), py::arg("y"), py::arg("categorical"), py::arg("theta"), py::arg("at"),
      py::arg("warped") = std::vector<bool>(),
      "Mean and variance (m,) of the noise-free function at features `at` (m, P), given x (n, P), y (n,) and "
      "theta = (log l_1 .. log l_P, log s2, log noise, then log a, log b of each warped feature).");
  m.def(
      "gp_map",
      [](MatrixXd x, VectorXd y, const std::vector<bool>& categorical, const VectorXd& theta,
         const std::vector<bool>& warped) {
        const Observations seen = observations_from(std::move(x), std::move(y), categorical, warped, theta);
        VectorXd gradient = VectorXd::Zero(theta.size());
        const double value = MapObjective(seen)(theta, gradient);
        return py::make_tuple(value, std::move(gradient));
      },
      py::arg("x"), py::arg("y"), py::arg("categorical"), py::arg("theta"),
      py::arg("warped") = std::vector<bool>(),
      "Minus the log posterior density of theta up to a constant, and its gradient.");
  m.def(
      "hypervolume",
      [](const MatrixXd& points, const VectorXd& reference) {
        require(points.cols() == 2 && reference.size() == 2, "hypervolume",
                "points must be (n, 2) and the reference (2,); got ", points.cols(), " columns and ",
                reference.size());
        return hypervolume(points, reference);
      },
      py::arg("points"), py::arg("reference"),
      "What points (n, 2), to be minimised, dominate below the reference.");
  m.def(
      "non_dominated", [](const MatrixXd& values) { return non_dominated(values); }, py::arg("values"),
      "The rows of values (n, M), to be minimised, that no other row beats in all columns.");
  m.def(
      "log_h",
      [](double z) {
        const LogH h = log_h(z);
        return py::make_tuple(h.value, h.slope);
      },
      py::arg("z"), "log(phi(z) + z Phi(z)) and its derivative: log EI = log s + log h((best - mean) / s).");
}

}  // namespace qkd::bind
