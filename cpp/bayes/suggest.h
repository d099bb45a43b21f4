// What to try next: a pure function of (space, list of trials, seed).
#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/key.h"
#include "bayes/map.h"
#include "bayes/search.h"
#include "bayes/space.h"

namespace qkd::bayes {

enum class State { complete, failed, pruned };

struct Trials {
  MatrixXd codes;             // (n, D) finished, in the order in which they were told
  VectorXd values;            // (n) to minimise
  std::vector<State> states;  // (n); a value that is not finite counts as failed
  MatrixXd running;           // (m, D) handed out and not told yet
};

// Outputs with mean 0 and deviation 1, and their own noise. A failed trial counts as the worst value, a
// pruned one as its last value or the upper quartile, whichever is worse; both with more noise. Neither can
// be the incumbent.
struct Outcomes {
  VectorXd y, extra;  // (n)
};
Outcomes outcomes(const VectorXd& values, const std::vector<State>& states);

class Suggester {
 public:
  Suggester(Space space, const RowVectorXd& default_code, std::uint64_t seed);

  // A canonical code that was not handed out before; nothing where no admissible one is left or found.
  std::optional<RowVectorXd> operator()(const Trials& trials, const Admission::Feasible& feasible);

  const Space& space() const { return space_; }
  // The model of the trials told so far (at least one).
  Posterior posterior(const Trials& trials);

 private:
  std::optional<RowVectorXd> design(std::uint32_t number, Admission& admission) const;
  Observations observations(const Trials& trials, Eigen::Index first_n) const;
  VectorXd theta(const Trials& trials);

  Space space_;
  RowVectorXd default_code_;
  Key key_;
  std::optional<MatrixXd> all_;  // every code, where they are few

  // The last fit of a long study and the trials that it saw; dropped when a list does not begin with them.
  struct Fitted {
    Trials seen;
    Minimum end;
  };
  std::optional<Fitted> fitted_;
};

}  // namespace qkd::bayes
