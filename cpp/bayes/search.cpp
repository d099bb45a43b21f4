#include "bayes/search.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <utility>

#include "bayes/bfgs.h"
#include "bayes/sobol.h"

namespace qkd::bayes {
namespace {

constexpr int kRaw = 512;              // Sobol codes to screen
constexpr int kCentres = 4;            // seen codes to look around,
constexpr int kSprays = 32;            // this many codes each
constexpr int kGreedy = 4;             // climbs from the best of the screen,
constexpr int kBoltzmann = 4;          // and from draws that favour high scores
constexpr double kHopeless = 1e6;      // so far below the best score, scores are equally low
constexpr int kRounds = 8;             // of floats and levels in turn:
constexpr std::size_t kFinalists = 3;  // after the first only the best go on
constexpr std::int64_t kSweep = 24;    // a dimension of more levels is climbed in strides
constexpr double kGain = 1e-7;         // of the acquisition: less is no progress
constexpr std::size_t kAtOnce = 128;   // codes of a finite space that are scored together

constexpr int kGlance = 6, kIterations = 20;  // of the floats' descent in the first round, and in the others

std::vector<Eigen::Index> order_of(const VectorXd& scores) {
  std::vector<Eigen::Index> order(static_cast<std::size_t>(scores.size()));
  std::iota(order.begin(), order.end(), Eigen::Index{0});
  std::ranges::stable_sort(order, [&scores](auto a, auto b) { return scores[a] > scores[b]; });
  return order;
}

// The other levels to try from `level` of K.
std::vector<double> neighbours(double level, std::int64_t k) {
  std::vector<double> others;
  const auto last = static_cast<double>(k - 1);
  if (k <= kSweep) {
    for (std::int64_t i = 0; i < k; ++i) {
      const auto other = static_cast<double>(i);
      if (other != level) others.push_back(other);
    }
    return others;
  }
  for (const double stride : {1.0, 2.0, 4.0, 8.0, 16.0, std::floor(static_cast<double>(k) / 4)}) {
    if (level - stride >= 0) others.push_back(level - stride);
    if (level + stride <= last) others.push_back(level + stride);
  }
  return others;
}

}  // namespace

Admission::Admission(const MatrixXd& taken, Feasible feasible) : feasible_(std::move(feasible)) {
  for (Eigen::Index i = 0; i < taken.rows(); ++i) taken_.insert(key(taken.row(i)));
}

bool Admission::operator()(const RowVectorXd& code) {
  const std::vector<double> k = key(code);
  if (taken_.contains(k)) return false;
  if (!feasible_ || feasible_known_.contains(k)) return true;
  if (infeasible_.contains(k)) return false;
  const bool feasible = feasible_(code);
  (feasible ? feasible_known_ : infeasible_).insert(k);
  return feasible;
}

Search::Search(const Space& space, const Acquisition& acquisition, Admission& admission)
    : space_(space), acquisition_(acquisition), admission_(admission) {}

std::optional<RowVectorXd> Search::among(const MatrixXd& all) {
  const VectorXd bounds = acquisition_.bound(all);
  const std::vector<Eigen::Index> order = order_of(bounds);
  std::optional<RowVectorXd> found;
  double best = -std::numeric_limits<double>::infinity();
  for (std::size_t first = 0; first < order.size(); first += kAtOnce) {
    if (found && bounds[order[first]] < best) break;
    const std::vector<Eigen::Index> rows(
        order.begin() + static_cast<std::ptrdiff_t>(first),
        order.begin() + static_cast<std::ptrdiff_t>(std::min(order.size(), first + kAtOnce)));
    const MatrixXd codes = all(rows, Eigen::all);
    const VectorXd scores = acquisition_(codes);
    for (const Eigen::Index i : order_of(scores)) {
      if (found && !(scores[i] > best)) break;
      if (!admission_(codes.row(i))) continue;
      found = codes.row(i);
      best = scores[i];
      break;
    }
  }
  return found;
}

// Full codes (m, D): a Sobol set, and sprays around the best codes seen. A spray moves each float by a step
// of 10^-U(.5, 2.5), and redraws each level with probability 0.3; inactive values are drawn afresh.
MatrixXd Search::screen(const MatrixXd& seen, Key key) const {
  const int d_all = space_.size();
  const int centres = static_cast<int>(std::min<Eigen::Index>(kCentres, seen.rows()));
  MatrixXd full(kRaw + centres * kSprays, d_all);
  const MatrixXd uniform = sobol(key.fold("raw"), 0, kRaw, d_all);
  for (int i = 0; i < kRaw; ++i) full.row(i) = space_.full_code(uniform.row(i));
  std::uint64_t draw = 0;
  const Key spray = key.fold("spray");
  for (int row = kRaw; row < full.rows(); ++row) {
    const auto centre = seen.row((row - kRaw) / kSprays);
    for (int d = 0; d < d_all; ++d) {
      const double fresh = space_[d].code_at(spray.uniform(draw)), other = spray.uniform(draw + 1);
      const double normal = spray.normal(draw / 3);
      draw += 3;
      if (centre[d] == kInactive) {
        full(row, d) = fresh;
      } else if (space_[d].kind == Dimension::Kind::continuous) {
        full(row, d) = std::clamp(centre[d] + normal * std::pow(10.0, -0.5 - 2 * other), 0.0, 1.0);
      } else {
        full(row, d) = other < 0.3 ? fresh : centre[d];
      }
    }
  }
  return full;
}

std::vector<Search::Climber> Search::starts(const MatrixXd& full, Key key) {
  MatrixXd codes(full.rows(), full.cols());
  for (Eigen::Index i = 0; i < full.rows(); ++i) codes.row(i) = space_.canonical(full.row(i));
  const VectorXd scores = acquisition_(codes);
  std::vector<Climber> chosen;
  const auto take = [&](const std::vector<Eigen::Index>& order, std::size_t enough) {
    for (const Eigen::Index i : order) {
      if (chosen.size() >= enough) return;
      const bool again =
          std::ranges::any_of(chosen, [&](const Climber& c) { return c.code == codes.row(i); });
      if (!again && admission_(codes.row(i))) chosen.push_back({full.row(i), codes.row(i), scores[i]});
    }
  };
  take(order_of(scores), kGreedy);
  // Boltzmann draws without replacement are the largest of score + Gumbel noise, in units of the scores'
  // spread.
  VectorXd noisy = scores.cwiseMax(scores.maxCoeff() - kHopeless);
  const double spread = std::sqrt((noisy.array() - noisy.mean()).square().mean());
  noisy /= spread > 0 ? spread : 1;
  for (Eigen::Index i = 0; i < noisy.size(); ++i) {
    noisy[i] -= std::log(-std::log(key.uniform(static_cast<std::uint64_t>(i)) + 0x1p-60));
  }
  take(order_of(noisy), kGreedy + kBoltzmann);
  return chosen;
}

void Search::climb_floats(Climber& climber, int iterations) {
  std::vector<int> floats;
  for (int d = 0; d < space_.size(); ++d) {
    if (space_[d].kind == Dimension::Kind::continuous && climber.code[d] != kInactive) floats.push_back(d);
  }
  if (floats.empty()) return;
  const auto n = static_cast<Eigen::Index>(floats.size());
  // Units of the length scale, at most the side of the box: equal steps change the posterior about equally.
  VectorXd unit(n), start(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    const int d = floats[static_cast<std::size_t>(i)];
    unit[i] = acquisition_.lengths()[space_.feature_of(d)];
    start[i] = climber.code[d] / unit[i];
  }
  VectorXd x = space_.encode(climber.code).row(0), slope;
  const double cost = acquisition_.cost_of(climber.code);
  const Smooth f = [&](const VectorXd& u, VectorXd& gradient) {
    for (Eigen::Index i = 0; i < n; ++i) {
      x[space_.feature_of(floats[static_cast<std::size_t>(i)])] = u[i] * unit[i];
    }
    const double value = acquisition_.at(x, cost, slope);
    for (Eigen::Index i = 0; i < n; ++i) {
      gradient[i] = -unit[i] * slope[space_.feature_of(floats[static_cast<std::size_t>(i)])];
    }
    return -value;
  };
  const Box box{VectorXd::Zero(n), unit.cwiseInverse()};
  Minimum end =
      minimise(f, start, box, {.iterations = iterations, .tolerance = 1e-3, .longest = 1.0, .inverse = {}});
  // Where the constraint forbids the end, the way back is tried half by half.
  for (int halving = 0; halving < 4; ++halving) {
    if (-end.value <= climber.value + kGain) return;
    Climber moved = climber;
    for (Eigen::Index i = 0; i < n; ++i) {
      const int d = floats[static_cast<std::size_t>(i)];
      moved.full[d] = moved.code[d] = std::clamp(end.x[i] * unit[i], 0.0, 1.0);
    }
    moved.value = -end.value;
    if (admission_(moved.code)) {
      climber = std::move(moved);
      return;
    }
    VectorXd unused(n);
    end.x = 0.5 * (end.x + start);
    end.value = f(end.x, unused);
  }
}

bool Search::climb_levels(Climber& climber) {
  bool moved = false;
  for (int d = 0; d < space_.size(); ++d) {
    if (space_[d].kind == Dimension::Kind::continuous || climber.code[d] == kInactive) continue;
    const std::vector<double> levels = neighbours(climber.code[d], space_[d].levels);
    if (levels.empty()) continue;
    MatrixXd full = climber.full.replicate(static_cast<Eigen::Index>(levels.size()), 1), codes = full;
    for (Eigen::Index i = 0; i < full.rows(); ++i) {
      full(i, d) = levels[static_cast<std::size_t>(i)];
      codes.row(i) = space_.canonical(full.row(i));
    }
    const VectorXd scores = acquisition_(codes);
    for (const Eigen::Index i : order_of(scores)) {
      if (scores[i] <= climber.value + kGain) break;
      if (!admission_(codes.row(i))) continue;
      climber = {full.row(i), codes.row(i), scores[i]};
      moved = true;
      break;
    }
  }
  return moved;
}

std::optional<RowVectorXd> Search::anywhere(const MatrixXd& seen, Key key) {
  std::vector<Climber> climbers = starts(screen(seen, key), key.fold("starts"));
  for (int round = 0; round < kRounds && !climbers.empty(); ++round) {
    for (Climber& climber : climbers) {
      if (!climber.moving) continue;
      climb_floats(climber, round == 0 ? kGlance : kIterations);
      // Without a step of the levels, another whole round of floats would only repeat this one.
      climber.moving = climb_levels(climber) || round == 0;
    }
    std::ranges::stable_sort(climbers, std::greater(), &Climber::value);
    if (climbers.size() > kFinalists) climbers.resize(kFinalists);
  }
  if (climbers.empty()) return std::nullopt;
  return climbers.front().code;
}

}  // namespace qkd::bayes
