#include "bayes/suggest.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "base/check.h"
#include "bayes/sobol.h"

namespace qkd::bayes {
namespace {

constexpr int kFinite = 20'000;         // spaces up to this many codes are scored whole
constexpr std::uint32_t kDraws = 4096;  // of the design, in search of an admissible code
constexpr double kUnsureNoise =
    0.25;  // variance of a failed or pruned trial's value, in units of the outputs'
constexpr Eigen::Index kOften = 100;  // up to so many trials each suggestion fits
constexpr Eigen::Index kBest = 100, kRecent = 200,
                       kRandom = 200;  // what the model keeps of more than their sum

bool can_win(const Trials& trials, Eigen::Index i) {
  return trials.states[static_cast<std::size_t>(i)] == State::complete && std::isfinite(trials.values[i]);
}

MatrixXd rows_of(const MatrixXd& matrix, const std::vector<Eigen::Index>& rows) {
  MatrixXd chosen(static_cast<Eigen::Index>(rows.size()), matrix.cols());
  for (Eigen::Index i = 0; i < chosen.rows(); ++i)
    chosen.row(i) = matrix.row(rows[static_cast<std::size_t>(i)]);
  return chosen;
}

// The trials told first.
Trials beginning(const Trials& trials, Eigen::Index n) {
  return {
      trials.codes.topRows(n), trials.values.head(n), {trials.states.begin(), trials.states.begin() + n}, {}};
}

bool begins_with(const Trials& trials, const Trials& seen) {
  const Eigen::Index n = seen.values.size();
  if (trials.values.size() < n) return false;
  const Trials first = beginning(trials, n);
  const auto same = [](double a, double b) { return a == b || (!std::isfinite(a) && !std::isfinite(b)); };
  return first.codes == seen.codes && first.states == seen.states &&
         std::equal(first.values.begin(), first.values.end(), seen.values.begin(), same);
}

// The number of trials at the landmark after `n`.
Eigen::Index after(Eigen::Index n) { return std::max(n + 1, n * 11 / 10); }

// Trials by value, those that cannot win last.
std::vector<Eigen::Index> best_first(const Trials& trials) {
  std::vector<Eigen::Index> order(static_cast<std::size_t>(trials.values.size()));
  std::iota(order.begin(), order.end(), Eigen::Index{0});
  const auto rank = [&trials](Eigen::Index i) {
    return can_win(trials, i) ? trials.values[i] : std::numeric_limits<double>::infinity();
  };
  std::ranges::stable_sort(order, [&rank](auto a, auto b) { return rank(a) < rank(b); });
  return order;
}

// What the model keeps of many trials: the best, the latest and some of the others, in the order told.
std::vector<Eigen::Index> kept(const Trials& trials, Key key) {
  const Eigen::Index n = trials.values.size();
  std::vector<bool> keep(static_cast<std::size_t>(n), n <= kBest + kRecent + kRandom);
  if (!keep[0]) {
    const std::vector<Eigen::Index> order = best_first(trials);
    for (Eigen::Index i = 0; i < kBest; ++i)
      keep[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])] = true;
    std::fill(keep.end() - kRecent, keep.end(), true);
    Eigen::Index more = kRandom;
    for (const std::uint32_t i : key.permutation(static_cast<std::uint32_t>(n))) {
      if (more == 0) break;
      if (!keep[i]) keep[i] = true, --more;
    }
  }
  std::vector<Eigen::Index> rows;
  for (Eigen::Index i = 0; i < n; ++i) {
    if (keep[static_cast<std::size_t>(i)]) rows.push_back(i);
  }
  return rows;
}

}  // namespace

Outcomes outcomes(const VectorXd& values, const std::vector<State>& states) {
  const Eigen::Index n = values.size();
  std::vector<double> finite;
  for (Eigen::Index i = 0; i < n; ++i) {
    if (states[static_cast<std::size_t>(i)] == State::complete && std::isfinite(values[i]))
      finite.push_back(values[i]);
  }
  std::ranges::sort(finite);
  const double worst = finite.empty() ? 0 : finite.back();
  const double quartile = finite.empty() ? 0 : finite[finite.size() * 3 / 4];

  Outcomes out{values, VectorXd::Zero(n)};
  for (Eigen::Index i = 0; i < n; ++i) {
    const State state = states[static_cast<std::size_t>(i)];
    if (state == State::complete && std::isfinite(values[i])) continue;
    out.extra[i] = kUnsureNoise;
    const bool curve = state == State::pruned && std::isfinite(values[i]) && !finite.empty();
    out.y[i] = curve ? std::clamp(values[i], quartile, worst) : worst;
  }
  // Scaled first, so that squares of 1e200 do not overflow.
  const double largest = out.y.cwiseAbs().maxCoeff();
  if (largest > 0) out.y /= largest;
  out.y.array() -= out.y.mean();
  const double deviation = std::sqrt(out.y.squaredNorm() / static_cast<double>(n));
  // Equal outputs differ by rounding alone: that is no information.
  if (deviation > 1e-14) {
    out.y /= deviation;
  } else {
    out.y.setZero();
  }
  return out;
}

Suggester::Suggester(Space space, const RowVectorXd& default_code, std::uint64_t seed)
    : space_(std::move(space)),
      default_code_(space_.canonical(default_code)),
      key_(Key(seed).fold("bayes")),
      all_(space_.enumerate(kFinite)) {}

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

Observations Suggester::observations(const Trials& trials, Eigen::Index first_n) const {
  const Trials first = beginning(trials, first_n);
  const Outcomes out = outcomes(first.values, first.states);
  const std::vector<Eigen::Index> rows = kept(first, key_.fold("kept"));
  return {space_.encode(rows_of(first.codes, rows)), space_.categorical(), out.y(rows), out.extra(rows)};
}

// Full fits happen at landmarks, each 10 % more trials than the last; up to 100 trials they begin afresh,
// beyond where the last one ended. Between landmarks a short fit follows from the last one, up to 100 trials.
// So the result is a function of the trials told, resumed or not.
VectorXd Suggester::theta(const Trials& trials) {
  const Eigen::Index n = trials.values.size();
  if (fitted_ && !begins_with(trials, fitted_->seen)) fitted_.reset();
  if (!fitted_) {
    Eigen::Index landmark = 1;
    while (after(landmark) <= std::min(n, kOften)) landmark = after(landmark);
    fitted_ = {beginning(trials, landmark), fit(observations(trials, landmark))};
  }
  for (Eigen::Index next; (next = after(fitted_->seen.values.size())) <= n;) {
    const Observations seen = observations(trials, next);
    fitted_ = {beginning(trials, next), next <= kOften ? fit(seen) : fit(seen, fitted_->end)};
  }
  const bool landmark = n == fitted_->seen.values.size();
  return landmark || n > kOften ? fitted_->end.x : fit(observations(trials, n), fitted_->end).x;
}

Posterior Suggester::posterior(const Trials& trials) {
  require(trials.values.size() > 0, "bayes::Suggester", "a model needs a finished trial at least; got none");
  return {observations(trials, trials.values.size()), theta(trials)};
}

std::optional<RowVectorXd> Suggester::operator()(const Trials& trials, const Admission::Feasible& feasible) {
  const Eigen::Index finished = trials.codes.rows(), running = trials.running.rows();
  const auto number = static_cast<std::uint32_t>(finished + running);
  MatrixXd taken(finished + running, space_.size());
  taken << trials.codes, trials.running;
  Admission admission(taken, feasible);
  const int first = std::max(6, std::min(10, space_.features() + 3));
  if (finished == 0 || static_cast<int>(number) < first) {
    if (auto code = design(number, admission)) return code;
    if (all_ || finished == 0) return std::nullopt;
  }

  Posterior model = posterior(trials);
  const double best = model.incumbent();

  if (running > 0) {
    // Kriging believer: a running trial is taken to end at its mean, so that the next looks elsewhere.
    const MatrixXd x = space_.encode(trials.running);
    const Observations& seen = model.seen();
    Observations more{MatrixXd(seen.x.rows() + running, seen.x.cols()), seen.categorical,
                      VectorXd(seen.x.rows() + running), VectorXd(seen.x.rows() + running)};
    more.x << seen.x, x;
    more.y << seen.y, model.predict(x).mean;
    more.extra << seen.extra, VectorXd::Zero(running);
    model = Posterior(std::move(more), model.theta());
  }

  Search search(space_, model, best, admission);
  if (all_) return search.among(*all_);
  if (auto code =
          search.anywhere(rows_of(trials.codes, best_first(trials)), key_.fold("search").fold(number))) {
    return code;
  }
  return design(number, admission);
}

}  // namespace qkd::bayes
