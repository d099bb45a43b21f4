// One output's Gaussian process through a study: when it is fitted, to which trials, and how it grows.
//
// All of that is a function of the list of trials alone, so that a resumed study suggests the same bits. Full
// fits happen at landmarks, each 10 % more trials than the last, and always begin afresh. Between landmarks a
// short fit follows from the landmark's, up to 100 trials; beyond, the process keeps its hyper-parameters and
// takes in a trial in O(n^2).
#pragma once
#include <Eigen/Core>
#include <optional>
#include <vector>

#include "base/key.h"
#include "bayes/map.h"
#include "bayes/outcomes.h"
#include "bayes/posterior.h"

namespace qkd::bayes {

// One output of the trials: features (n, P), values to minimise (n).
struct Told {
  MatrixXd x;
  VectorXd values;
  std::vector<State> states;
  bool capped = false;  // as of bayes::outcomes
};

class Process {
 public:
  Process(Features features, Key key) : features_(std::move(features)), key_(key) {}

  // Takes the list in; at least one trial.
  void tell(const Told& told);

  const Posterior& posterior() const { return *posterior_; }
  const Outcomes& outcomes() const { return outcomes_; }
  const std::vector<Eigen::Index>& rows() const { return rows_; }  // the trials that the posterior holds

 private:
  Observations observations(const Told& told, const std::vector<Eigen::Index>& rows,
                            Eigen::Index landmark) const;
  std::vector<Eigen::Index> kept(const Told& told, Eigen::Index best, Eigen::Index recent,
                                 Eigen::Index other) const;
  void fit_at(const Told& landmark);
  void extend(const Told& told, Eigen::Index landmark);

  Features features_;
  Key key_;
  std::optional<Minimum> fitted_;
  Told fitted_to_;  // the trials up to its landmark
  Told grown_to_;   // those that posterior_ holds, where it keeps the landmark's hyper-parameters
  std::optional<Posterior> posterior_;
  Outcomes outcomes_;
  std::vector<Eigen::Index> rows_;
};

}  // namespace qkd::bayes
