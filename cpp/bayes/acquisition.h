// The logarithm of expected improvement, finite and smooth where expected improvement itself underflows.
//
// Ament et al., "Unexpected improvements to expected improvement" (NeurIPS 2023): log EI = log s + log h(z),
// z = (best - mean) / s, h(z) = phi(z) + z Phi(z).
#pragma once
#include <Eigen/Core>

#include "bayes/posterior.h"

namespace qkd::bayes {

// log h(z) and its derivative Phi(z) / h(z), to 1e-11 of themselves for every finite z down to -1e150.
struct LogH {
  double value, slope;
};
LogH log_h(double z);

// log EI below `best` of each mean and variance (m).
VectorXd log_ei(const Posterior::Batch& batch, double best);

// log EI at one point; fills its gradient in the features (P).
double log_ei(const Posterior::Local& local, double best, VectorXd& gradient);

}  // namespace qkd::bayes
