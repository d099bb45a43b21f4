// The best admissible code under the acquisition, over floats, grids, categories and conditions at once.
#pragma once
#include <Eigen/Core>
#include <functional>
#include <optional>
#include <set>
#include <vector>

#include "base/key.h"
#include "bayes/acquisition.h"
#include "bayes/space.h"

namespace qkd::bayes {

// Which canonical codes may be suggested: those that were not handed out before and that the user's known
// constraint allows. The constraint is asked once a code, and only about codes that would win otherwise.
class Admission {
 public:
  using Feasible = std::function<bool(const RowVectorXd& code)>;

  Admission(const MatrixXd& taken, Feasible feasible);
  bool taken(const RowVectorXd& code) const { return taken_.contains(key(code)); }
  bool operator()(const RowVectorXd& code);

 private:
  static std::vector<double> key(const RowVectorXd& code) { return {code.data(), code.data() + code.size()}; }

  std::set<std::vector<double>> taken_, infeasible_, feasible_known_;
  Feasible feasible_;
};

class Search {
 public:
  Search(const Space& space, const Acquisition& acquisition, Admission& admission);

  // The best admissible row of all (m, D), or nothing. Exact: rows are scored in the order of their bounds,
  // until no bound is above the best score.
  std::optional<RowVectorXd> among(const MatrixXd& all);

  // Screening, then local climbs; `seen` (n, D) are codes near which to look, the best first. Nothing where
  // no admissible code was met.
  std::optional<RowVectorXd> anywhere(const MatrixXd& seen, Key key);

 private:
  struct Climber {
    RowVectorXd full;  // keeps the values of inactive dimensions, for when their parent flips
    RowVectorXd code;
    double value;
    bool moving = true;
  };
  MatrixXd screen(const MatrixXd& seen, Key key) const;
  std::vector<Climber> starts(const MatrixXd& full, Key key);
  void climb_floats(Climber& climber, int iterations);
  bool climb_levels(Climber& climber);  // whether a level moved

  const Space& space_;
  const Acquisition& acquisition_;
  Admission& admission_;
};

}  // namespace qkd::bayes
