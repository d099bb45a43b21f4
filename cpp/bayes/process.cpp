#include "bayes/process.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "base/check.h"

namespace qkd::bayes {
namespace {

constexpr Eigen::Index kOften = 100;    // up to so many trials each suggestion fits
constexpr Eigen::Index kWarpFrom = 30;  // a warp learnt from fewer trials slowed Branin's search down
// What the posterior keeps of more trials than their sum, and what a fit does.
constexpr Eigen::Index kBest = 100, kRecent = 150, kOther = 150;
constexpr Eigen::Index kFitBest = 30, kFitRecent = 30, kFitOther = 60;

// The number of trials at the landmark after `n`, and at the last one up to `n`.
Eigen::Index after(Eigen::Index n) { return std::max(n + 1, n * 11 / 10); }
Eigen::Index landmark_of(Eigen::Index n) {
  Eigen::Index landmark = 1;
  while (after(landmark) <= n) landmark = after(landmark);
  return landmark;
}

Told beginning(const Told& told, Eigen::Index n) {
  return {
      told.x.topRows(n), told.values.head(n), {told.states.begin(), told.states.begin() + n}, told.capped};
}

bool begins_with(const Told& told, const Told& first) {
  const Eigen::Index n = first.values.size();
  if (n == 0 || told.values.size() < n || told.capped != first.capped) return false;
  const auto same = [](double a, double b) { return a == b || (!std::isfinite(a) && !std::isfinite(b)); };
  return told.x.topRows(n) == first.x &&
         std::equal(first.states.begin(), first.states.end(), told.states.begin()) &&
         std::equal(first.values.begin(), first.values.end(), told.values.begin(), same);
}

}  // namespace

// The best, the latest and some of the others, in the order told.
std::vector<Eigen::Index> Process::kept(const Told& told, Eigen::Index best, Eigen::Index recent,
                                        Eigen::Index other) const {
  const Eigen::Index n = told.values.size();
  std::vector<Eigen::Index> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), Eigen::Index{0});
  if (n <= best + recent + other) return order;
  std::vector<bool> keep(static_cast<std::size_t>(n), false);
  const auto rank = [&told](Eigen::Index i) {
    const bool wins =
        told.states[static_cast<std::size_t>(i)] == State::complete && std::isfinite(told.values[i]);
    return wins ? told.values[i] : std::numeric_limits<double>::infinity();
  };
  std::ranges::stable_sort(order, [&rank](auto a, auto b) { return rank(a) < rank(b); });
  for (Eigen::Index i = 0; i < best; ++i) {
    keep[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])] = true;
  }
  std::fill(keep.end() - recent, keep.end(), true);
  for (const std::uint32_t i : key_.permutation(static_cast<std::uint32_t>(n))) {
    if (other == 0) break;
    if (!keep[i]) keep[i] = true, --other;
  }
  std::vector<Eigen::Index> rows;
  for (Eigen::Index i = 0; i < n; ++i) {
    if (keep[static_cast<std::size_t>(i)]) rows.push_back(i);
  }
  return rows;
}

Observations Process::observations(const Told& told, const std::vector<Eigen::Index>& rows,
                                   Eigen::Index landmark) const {
  Features features = features_;
  for (Feature& feature : features) feature.warped = feature.warped && landmark >= kWarpFrom;
  const Outcomes out = bayes::outcomes(told.values, told.states, told.capped);
  return {told.x(rows, Eigen::all), std::move(features), out.y(rows), out.extra(rows)};
}

void Process::fit_at(const Told& landmark) {
  const Eigen::Index n = landmark.values.size();
  const Observations seen = observations(landmark, kept(landmark, kFitBest, kFitRecent, kFitOther), n);
  if (n <= kOften) {
    fitted_ = fit(seen);
  } else {  // where to begin is found out on fewer
    const Minimum coarse = fit(observations(landmark, kept(landmark, kFitBest, kFitRecent, 0), n));
    fitted_ = fit(seen, coarse);
  }
  fitted_to_ = landmark;
  grown_to_ = {};
}

void Process::extend(const Told& told, Eigen::Index landmark) {
  const Eigen::Index n = told.values.size();
  if (!begins_with(told, grown_to_)) {
    rows_ = kept(beginning(told, landmark), kBest, kRecent, kOther);
    posterior_.emplace(observations(told, rows_, landmark), fitted_->x, after(landmark) - landmark);
    grown_to_ = beginning(told, landmark);
  }
  for (Eigen::Index i = grown_to_.values.size(); i < n; ++i) {
    posterior_->append(told.x.row(i), outcomes_.extra.segment(i, 1));
    rows_.push_back(i);
  }
  grown_to_ = told;
  posterior_->tell(outcomes_.y(rows_));
}

void Process::tell(const Told& told) {
  const Eigen::Index n = told.values.size();
  require(n > 0, "bayes::Process", "a model needs a finished trial at least; got none");
  const Eigen::Index landmark = landmark_of(n);
  if (!fitted_ || fitted_to_.values.size() != landmark || !begins_with(told, fitted_to_)) {
    fit_at(beginning(told, landmark));
  }
  outcomes_ = bayes::outcomes(told.values, told.states, told.capped);
  if (n > kOften) {
    extend(told, landmark);
    return;
  }
  rows_ = kept(told, kBest, kRecent, kOther);
  const Observations seen = observations(told, rows_, landmark);
  const VectorXd theta = n == landmark ? fitted_->x : fit(seen, *fitted_).x;
  posterior_.emplace(seen, theta);
}

}  // namespace qkd::bayes
