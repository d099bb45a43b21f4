#include <pybind11/eigen.h>
#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include "base/check.h"
#include "bayes/acquisition.h"
#include "bayes/map.h"
#include "bayes/posterior.h"
#include "bayes/suggest.h"
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

Trials trials_from(const Space& space, MatrixXd codes, VectorXd values,
                   const std::vector<std::string>& states, MatrixXd running) {
  const auto n = codes.rows();
  require(codes.cols() == space.size() && running.cols() == space.size(), "Suggester", "codes must have ",
          space.size(), " columns; got ", codes.cols(), " and ", running.cols());
  require(values.size() == n && static_cast<Eigen::Index>(states.size()) == n, "Suggester",
          "values and states must be one a trial; got ", n, " trials, ", values.size(), " values, ",
          states.size(), " states");
  Trials trials{std::move(codes), std::move(values), {}, std::move(running)};
  for (const std::string& state : states) trials.states.push_back(state_from(state));
  return trials;
}

Observations observations_from(MatrixXd x, VectorXd y, std::vector<bool> categorical, const VectorXd& theta) {
  require(x.rows() == y.size() && x.rows() > 0, "bayes", "x (n, P) and y (n) must have the same n > 0; got ",
          x.rows(), " and ", y.size());
  require(x.cols() == static_cast<Eigen::Index>(categorical.size()) && theta.size() == x.cols() + 2, "bayes",
          "categorical must have P entries and theta P + 2; got P = ", x.cols(), ", ", categorical.size(),
          " and ", theta.size());
  const auto n = y.size();
  return {std::move(x), std::move(categorical), std::move(y), VectorXd::Zero(n)};
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
      .def(py::init([](std::vector<Dimension> dimensions, const VectorXd& default_code, std::uint64_t seed) {
             Space space(std::move(dimensions));
             require(default_code.size() == space.size(), "Suggester", "the default must have ", space.size(),
                     " entries; got ", default_code.size());
             return Suggester(std::move(space), default_code.transpose(), seed);
           }),
           py::arg("dimensions"), py::arg("default_code"), py::arg("seed"))
      .def(
          "canonical",
          [](const Suggester& s, const VectorXd& code) -> VectorXd {
            return s.space().canonical(code.transpose()).transpose();
          },
          py::arg("code"), "The code (D,) with inactive dimensions marked.")
      .def(
          "suggest",
          [](Suggester& s, MatrixXd codes, VectorXd values, const std::vector<std::string>& states,
             MatrixXd running, const std::function<bool(VectorXd)>& feasible) -> std::optional<VectorXd> {
            const Trials trials =
                trials_from(s.space(), std::move(codes), std::move(values), states, std::move(running));
            Admission::Feasible asked;
            if (feasible) {
              asked = [&feasible](const RowVectorXd& code) {
                const py::gil_scoped_acquire gil;
                return feasible(code.transpose());
              };
            }
            const py::gil_scoped_release release;
            const auto code = s(trials, asked);
            if (!code) return std::nullopt;
            return code->transpose();
          },
          py::arg("codes"), py::arg("values"), py::arg("states"), py::arg("running"), py::arg("feasible"),
          "A new code (D,), or None where none is left. codes (n, D) and values (n,) of finished trials in "
          "the order "
          "told, to minimise; states 'complete', 'failed' or 'pruned'; running (m, D); feasible(code) or "
          "None.");

  m.def(
      "gp_posterior",
      [](MatrixXd x, VectorXd y, std::vector<bool> categorical, const VectorXd& theta, const MatrixXd& at) {
        const Posterior posterior(
            observations_from(std::move(x), std::move(y), std::move(categorical), theta), theta);
        require(at.cols() == theta.size() - 2, "gp_posterior", "at must have P columns; got ", at.cols());
        auto batch = posterior.predict(at);
        return py::make_tuple(std::move(batch.mean), std::move(batch.variance));
      },
      py::arg("x"), py::arg("y"), py::arg("categorical"), py::arg("theta"), py::arg("at"),
      "Mean and variance (m,) of the noise-free function at features `at` (m, P), given x (n, P), y (n,) and "
      "theta "
      "= (log l_1 .. log l_P, log s2, log noise).");
  m.def(
      "gp_map",
      [](MatrixXd x, VectorXd y, std::vector<bool> categorical, const VectorXd& theta) {
        const Observations seen =
            observations_from(std::move(x), std::move(y), std::move(categorical), theta);
        VectorXd gradient = VectorXd::Zero(theta.size());
        const double value = MapObjective(seen)(theta, gradient);
        return py::make_tuple(value, std::move(gradient));
      },
      py::arg("x"), py::arg("y"), py::arg("categorical"), py::arg("theta"),
      "Minus the log posterior density of theta up to a constant, and its gradient (P + 2,).");
  m.def(
      "log_h",
      [](double z) {
        const LogH h = log_h(z);
        return py::make_tuple(h.value, h.slope);
      },
      py::arg("z"), "log(phi(z) + z Phi(z)) and its derivative: log EI = log s + log h((best - mean) / s).");
}

}  // namespace qkd::bind
