// The results that trials told, and what of them a process is given.
#pragma once
#include <Eigen/Core>
#include <vector>

namespace qkd::bayes {

using Eigen::MatrixXd;
using Eigen::VectorXd;

enum class State { complete, failed, pruned };

struct Trials {
  MatrixXd codes;             // (n, D) finished, in the order in which they were told
  MatrixXd values;            // (n, M) to minimise
  MatrixXd violations;        // (n, C) of black-box constraints: met where <= 0
  std::vector<State> states;  // (n); a value that is not finite counts as failed
  MatrixXd running;           // (m, D) handed out and not told yet
};

// Outputs with mean 0 and deviation 1, and their own noise. A failed trial counts as the worst value, a
// pruned one as its value or the upper quartile, whichever is worse; both with more noise. `capped`: values
// far worse than the median count as equally bad, which keeps a few of them from stretching the scale.
struct Outcomes {
  VectorXd y, extra;  // (n)
  double largest = 1, mean = 0, deviation = 1;

  double of(double value) const { return (value / largest - mean) / deviation; }
  double value(double output) const { return (output * deviation + mean) * largest; }
};
Outcomes outcomes(const VectorXd& values, const std::vector<State>& states, bool capped = false);

}  // namespace qkd::bayes
