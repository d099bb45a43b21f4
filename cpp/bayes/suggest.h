// What to try next: a pure function of (space, list of trials, seed).
//
// One objective: expected improvement. Two, of which one may be a known cost: expected hypervolume
// improvement. More: one objective made of all by an augmented Chebyshev sum with weights drawn anew for each
// suggestion (Knowles, "ParEGO", IEEE TEC 2006).
#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/key.h"
#include "bayes/outcomes.h"
#include "bayes/process.h"
#include "bayes/search.h"
#include "bayes/space.h"

namespace qkd::bayes {

// What the user knows of codes without a trial; either may be null.
struct Known {
  Admission::Feasible feasible;
  Cost cost;  // an objective to minimise; it comes before the values that trials tell
};

class Suggester {
 public:
  // `reference`: the worst cost (where there is one) and values worth having, of two objectives; empty: taken
  // from the trials.
  Suggester(Space space, const RowVectorXd& default_code, std::uint64_t seed, std::vector<double> reference);

  // A canonical code that was not handed out before; nothing where no admissible one is left or found.
  std::optional<RowVectorXd> operator()(const Trials& trials, const Known& known);

  const Space& space() const { return space_; }

  // Mean and standard deviation (m) of the noise-free value `objective` at canonical codes (m, D), in the
  // values' own units, after at least one trial.
  struct Prediction {
    VectorXd mean, deviation;
  };
  Prediction predict(const Trials& trials, int objective, const MatrixXd& codes);

 private:
  std::optional<RowVectorXd> design(std::uint32_t number, Admission& admission) const;
  Process& process(std::size_t index);

  struct Model;  // what a suggestion climbs, and what that stands on
  void single(Model& model, const Trials& trials, const MatrixXd& x, const VectorXd& values, Key key);
  void two(Model& model, const Trials& trials, const MatrixXd& x, const VectorXd& costs, Key key);
  VectorXd scalarised(const MatrixXd& objectives, const std::vector<bool>& can_win, Key key) const;

  Space space_;
  RowVectorXd default_code_;
  std::vector<double> reference_;
  Key key_;
  std::optional<MatrixXd> all_;     // every code, where they are few
  std::vector<Process> processes_;  // of each value, then of each violation
};

}  // namespace qkd::bayes
