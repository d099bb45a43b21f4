#include "bayes/suggest.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numbers>
#include <numeric>
#include <utility>

#include "base/check.h"
#include "bayes/sobol.h"

namespace qkd::bayes {
namespace {

constexpr int kFinite = 20'000;                       // spaces up to this many codes are scored whole
constexpr std::uint32_t kDraws = 4096;                // of the design, in search of an admissible code
constexpr int kFantasies = 64, kFrontFantasies = 16;  // draws of what runs, of one and of two objectives
constexpr double kBeyond = 0.1;       // the reference lies this share of the range beyond the worst
constexpr double kChebyshev = 0.05;   // weight of the sum in an augmented Chebyshev norm
constexpr double kFarThreshold = 10;  // in deviations: where all violations are equal

// (q, n) normal numbers: Box and Muller on pairs of Sobol dimensions.
MatrixXd normals(Key key, Eigen::Index q, int n) {
  const auto pairs = static_cast<int>((q + 1) / 2);
  const MatrixXd uniform = sobol(key, 0, n, 2 * pairs);
  MatrixXd z(2 * pairs, n);
  for (int i = 0; i < n; ++i) {
    for (int pair = 0; pair < pairs; ++pair) {
      const double radius = std::sqrt(-2 * std::log(1 - uniform(i, 2 * pair)));
      const double angle = 2 * std::numbers::pi * uniform(i, 2 * pair + 1);
      z(2 * pair, i) = radius * std::cos(angle);
      z(2 * pair + 1, i) = radius * std::sin(angle);
    }
  }
  return z.topRows(q);
}

// Complete, finite, and within the black-box constraints.
std::vector<bool> winners(const Trials& trials) {
  std::vector<bool> can_win;
  for (Eigen::Index i = 0; i < trials.values.rows(); ++i) {
    can_win.push_back(trials.states[static_cast<std::size_t>(i)] == State::complete &&
                      trials.values.row(i).allFinite() && (trials.violations.row(i).array() <= 0).all());
  }
  return can_win;
}

// The winners among them by value, then the others.
std::vector<Eigen::Index> best_first(const VectorXd& values, const std::vector<bool>& can_win) {
  std::vector<Eigen::Index> order(static_cast<std::size_t>(values.size()));
  std::iota(order.begin(), order.end(), Eigen::Index{0});
  const auto rank = [&](Eigen::Index i) {
    return can_win[static_cast<std::size_t>(i)] ? values[i] : std::numeric_limits<double>::infinity();
  };
  std::ranges::stable_sort(order, [&rank](auto a, auto b) { return rank(a) < rank(b); });
  return order;
}

std::vector<Eigen::Index> chosen(const std::vector<bool>& flags) {
  std::vector<Eigen::Index> rows;
  for (std::size_t i = 0; i < flags.size(); ++i) {
    if (flags[i]) rows.push_back(static_cast<Eigen::Index>(i));
  }
  return rows;
}

}  // namespace

struct Suggester::Model {
  std::vector<Posterior> objectives;
  std::unique_ptr<Improvement> improvement;
  std::vector<Limit> limits;
  std::vector<Eigen::Index> centres;  // trials to look around, the best first
};

Suggester::Suggester(Space space, const RowVectorXd& default_code, std::uint64_t seed,
                     std::vector<double> reference)
    : space_(std::move(space)),
      default_code_(space_.canonical(default_code)),
      reference_(std::move(reference)),
      key_(Key(seed).fold("bayes")),
      all_(space_.enumerate(kFinite)) {
  require(reference_.empty() || reference_.size() == 2, "bayes::Suggester",
          "a reference is for two objectives; got ", reference_.size(), " numbers");
}

Process& Suggester::process(std::size_t index) {
  while (processes_.size() <= index) processes_.emplace_back(space_.feature_kinds(), key_.fold("kept"));
  return processes_[index];
}

std::optional<RowVectorXd> Suggester::design(std::uint32_t number, Admission& admission) const {
  if (number == 0 && admission(default_code_)) return default_code_;
  const Key key = key_.fold("design");
  for (std::uint32_t index = number; index < number + kDraws; ++index) {
    RowVectorXd code = space_.canonical(space_.full_code(sobol(key, index, 1, space_.size()).row(0)));
    if (admission(code)) return code;
  }
  if (all_) {
    for (const std::uint32_t i : key.permutation(static_cast<std::uint32_t>(all_->rows()))) {
      if (admission(all_->row(i))) return all_->row(i);
    }
  }
  return std::nullopt;
}

// The incumbent is the lowest mean, not the lowest value: noise may have made that. Outputs are capped here
// alone: of two objectives the worst of one may be on the front, and a limit may lie beyond a violation's
// cap.
void Suggester::single(Model& model, const Trials& trials, const MatrixXd& x, const VectorXd& values,
                       Key key) {
  const std::vector<bool> can_win = winners(trials);
  model.centres = best_first(values, can_win);
  Process& known = process(0);
  known.tell({x, values, trials.states, true});
  Posterior posterior = known.posterior();
  const VectorXd means = posterior.means_at_seen();
  double best = std::numeric_limits<double>::infinity();
  for (Eigen::Index i = 0; i < means.size(); ++i) {
    if (can_win[static_cast<std::size_t>(known.rows()[static_cast<std::size_t>(i)])])
      best = std::min(best, means[i]);
  }
  if (!std::isfinite(best)) best = means.minCoeff();
  VectorXd bests = VectorXd::Constant(1, best);
  if (const Eigen::Index running = trials.running.rows(); running > 0) {
    const MatrixXd draws =
        posterior.imagine(space_.encode(trials.running), normals(key.fold("fantasies"), running, kFantasies));
    bests = draws.colwise().minCoeff().transpose().cwiseMin(best);
  }
  model.objectives.push_back(std::move(posterior));
  model.improvement = std::make_unique<ExpectedImprovement>(std::move(bests));
}

// Two values, or a cost and a value.
void Suggester::two(Model& model, const Trials& trials, const MatrixXd& x, const VectorXd& costs, Key key) {
  const bool known_cost = costs.size() > 0;
  const std::vector<bool> can_win = winners(trials);
  std::vector<Eigen::Index> rows = chosen(can_win);
  if (rows.empty()) {  // nothing to improve yet: the outputs' own scale will do
    rows.resize(static_cast<std::size_t>(trials.codes.rows()));
    std::iota(rows.begin(), rows.end(), Eigen::Index{0});
  }
  const Eigen::Index finished = trials.codes.rows(), running = trials.running.rows();
  const int draws = running > 0 ? kFrontFantasies : 1;
  // Objectives of the finished trials that can win, then of each draw's running ones.
  MatrixXd points(static_cast<Eigen::Index>(rows.size()), 2);
  std::vector<MatrixXd> imagined(static_cast<std::size_t>(draws), MatrixXd(running, 2));
  VectorXd reference(2);
  if (known_cost) {
    points.col(0) = costs.head(finished)(rows);
    for (MatrixXd& draw : imagined) draw.col(0) = costs.tail(running);
  }
  for (Eigen::Index m = 0; m < trials.values.cols(); ++m) {
    const Eigen::Index column = known_cost ? 1 : m;
    Process& known = process(static_cast<std::size_t>(m));
    known.tell({x, trials.values.col(m), trials.states});
    Posterior posterior = known.posterior();
    points.col(column) = posterior.predict(x(rows, Eigen::all)).mean.col(0);
    if (!reference_.empty())
      reference[column] = known.outcomes().of(reference_[static_cast<std::size_t>(column)]);
    if (running > 0) {
      const Key draw = key.fold("fantasies").fold(static_cast<std::uint64_t>(m));
      const MatrixXd outcomes =
          posterior.imagine(space_.encode(trials.running), normals(draw, running, draws));
      for (int j = 0; j < draws; ++j) imagined[static_cast<std::size_t>(j)].col(column) = outcomes.col(j);
    }
    model.objectives.push_back(std::move(posterior));
  }
  const std::vector<Eigen::Index> front = non_dominated(points);
  if (reference_.empty()) {
    const VectorXd worst = points.colwise().maxCoeff(), best = points.colwise().minCoeff();
    reference = worst + kBeyond * (worst - best).cwiseMax(1e-6);
  } else if (known_cost) {
    reference[0] = reference_[0];
  }
  for (const Eigen::Index i : front) model.centres.push_back(rows[static_cast<std::size_t>(i)]);

  std::vector<Strips> fronts;
  for (const MatrixXd& draw : imagined) {
    MatrixXd all(points.rows() + draw.rows(), 2);
    all << points, draw;
    fronts.emplace_back(all, reference);
  }
  model.improvement = std::make_unique<HypervolumeImprovement>(std::move(fronts), known_cost);
}

// Of objectives (n, O) scaled to [0, 1] by the winners' range.
VectorXd Suggester::scalarised(const MatrixXd& objectives, const std::vector<bool>& can_win, Key key) const {
  const std::vector<Eigen::Index> rows = chosen(can_win);
  VectorXd weights(objectives.cols());
  for (Eigen::Index o = 0; o < weights.size(); ++o) {
    weights[o] = -std::log(1 - key.uniform(static_cast<std::uint64_t>(o)));  // uniform on the simplex
  }
  weights /= weights.sum();
  MatrixXd scaled = objectives;
  for (Eigen::Index o = 0; o < weights.size() && !rows.empty(); ++o) {
    const VectorXd column = objectives.col(o)(rows);
    const double low = column.minCoeff(), range = column.maxCoeff() - low;
    scaled.col(o) = weights[o] * (objectives.col(o).array() - low) / (range > 0 ? range : 1);
  }
  return scaled.rowwise().maxCoeff() + kChebyshev * scaled.rowwise().sum();
}

std::optional<RowVectorXd> Suggester::operator()(const Trials& trials, const Known& known) {
  const Eigen::Index finished = trials.codes.rows(), running = trials.running.rows();
  const auto number = static_cast<std::uint32_t>(finished + running);
  MatrixXd taken(finished + running, space_.size());
  taken << trials.codes, trials.running;
  Admission admission(taken, known.feasible);
  const int first = std::max(6, std::min(10, space_.features() + 3));
  if (finished == 0 || static_cast<int>(number) < first) {
    if (auto code = design(number, admission)) return code;
    if (all_ || finished == 0) return std::nullopt;
  }

  const Key key = key_.fold("search").fold(number);
  const MatrixXd x = space_.encode(trials.codes);
  const std::vector<bool> can_win = winners(trials);
  const bool any_wins = std::ranges::find(can_win, true) != can_win.end();
  const VectorXd costs = known.cost ? known.cost(taken) : VectorXd();
  const Eigen::Index values = trials.values.cols(), objectives = values + (known.cost ? 1 : 0);
  Model model;
  if (objectives == 1) {
    single(model, trials, x, trials.values.col(0), key);
  } else if (objectives == 2) {
    two(model, trials, x, costs, key);
  } else {
    MatrixXd table(finished, objectives);
    if (known.cost) table.col(0) = costs.head(finished);
    table.rightCols(values) = trials.values;
    single(model, trials, x, scalarised(table, can_win, key.fold("weights")), key);
  }
  for (Eigen::Index c = 0; c < trials.violations.cols(); ++c) {
    Process& violation = process(static_cast<std::size_t>(values + c));
    violation.tell({x, trials.violations.col(c), trials.states});
    const double threshold = std::clamp(violation.outcomes().of(0), -kFarThreshold, kFarThreshold);
    model.limits.push_back({nullptr, threshold});
  }
  for (std::size_t c = 0; c < model.limits.size(); ++c) {
    model.limits[c].violation = &process(static_cast<std::size_t>(values) + c).posterior();
  }
  // With nothing feasible there is nothing to improve: look for feasibility alone.
  if (!any_wins && !model.limits.empty()) model.improvement.reset();

  std::vector<const Posterior*> posteriors;
  if (model.improvement) {
    for (const Posterior& posterior : model.objectives) posteriors.push_back(&posterior);
  }
  const Acquisition acquisition(space_, std::move(posteriors), std::move(model.improvement), model.limits,
                                objectives == 2 ? known.cost : Cost());
  Search search(space_, acquisition, admission);
  if (all_) return search.among(*all_);
  if (auto code = search.anywhere(trials.codes(model.centres, Eigen::all), key)) return code;
  return design(number, admission);
}

Suggester::Prediction Suggester::predict(const Trials& trials, int objective, const MatrixXd& codes) {
  require(objective >= 0 && objective < trials.values.cols(), "Suggester.predict", "objective must be 0 to ",
          trials.values.cols() - 1, "; got ", objective);
  Process& known = process(static_cast<std::size_t>(objective));
  known.tell({space_.encode(trials.codes), trials.values.col(objective), trials.states});
  const Posterior::Batch batch = known.posterior().predict(space_.encode(codes));
  const Outcomes& out = known.outcomes();
  return {batch.mean.col(0).unaryExpr([&out](double y) { return out.value(y); }),
          batch.variance.cwiseSqrt() * (out.deviation * out.largest)};
}

}  // namespace qkd::bayes
