// What a new point is expected to improve, in logarithms, finite and smooth where the expectation itself
// underflows.
//
// Ament et al., "Unexpected improvements to expected improvement" (NeurIPS 2023): log EI = log s + log h(z),
// z = (best - mean) / s, h(z) = phi(z) + z Phi(z).
// Running trials: each of N draws of their outcomes has a best, or a front, of its own; the improvement is
// the mean over the draws, log-mean-exp of the logarithms.
#pragma once
#include <Eigen/Core>
#include <vector>

#include "bayes/pareto.h"

namespace qkd::bayes {

// log h(z) and its derivative Phi(z) / h(z), to 1e-11 of themselves for every finite z down to -1e150.
struct LogH {
  double value, slope;
};
LogH log_h(double z);
// log Phi(z) and its derivative phi(z) / Phi(z).
LogH log_phi(double z);

class Improvement {
 public:
  struct Slopes {
    MatrixXd mean;       // (N, M)
    VectorXd deviation;  // (M)
  };
  virtual ~Improvement() = default;
  // The logarithm, of means (N, M), deviations (M) and the known cost (where there is one); fills its
  // derivatives where asked to.
  virtual double operator()(const MatrixXd& mean, const VectorXd& deviation, double cost,
                            Slopes* slopes) const = 0;
};

// M = 1.
class ExpectedImprovement : public Improvement {
 public:
  explicit ExpectedImprovement(VectorXd best) : best_(std::move(best)) {}
  double operator()(const MatrixXd& mean, const VectorXd& deviation, double cost,
                    Slopes* slopes) const override;

 private:
  VectorXd best_;  // (N)
};

// M = 2, or M = 1 and a known cost, which is then the first of the strips' objectives.
class HypervolumeImprovement : public Improvement {
 public:
  HypervolumeImprovement(std::vector<Strips> fronts, bool known_cost)
      : fronts_(std::move(fronts)), known_cost_(known_cost) {}
  double operator()(const MatrixXd& mean, const VectorXd& deviation, double cost,
                    Slopes* slopes) const override;

 private:
  std::vector<Strips> fronts_;  // N
  bool known_cost_;
};

}  // namespace qkd::bayes
