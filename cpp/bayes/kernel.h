// The covariance: Matern-5/2 with a length scale for each feature, Hamming terms for categories.
//
// Notation: r2 = sum over numbers of (w_p(x_p) - w_p(x'_p))^2 / l_p^2 + sum over categories of [x_p != x'_p]
// / l_p^2, w_p the warp of a warped feature and the identity elsewhere; q = sqrt(5 r2);
// k = s2 (1 + q + q^2 / 3) e^-q; dk/dr2 = -5/6 s2 (1 + q) e^-q, finite at r2 = 0.
// theta, the hyper-parameters: log l_1 .. log l_P, log s2, log noise, then log a, log b of each warped
// feature in turn. Outputs have mean 0, deviation 1.
#pragma once
#include <Eigen/Core>
#include <vector>

#include "base/simd/algebra.h"
#include "bayes/warp.h"

namespace qkd::bayes {

using Eigen::MatrixXd;
using Eigen::VectorXd;

inline constexpr double kNoiseFloor = 1e-6;  // added to exp(log noise): a variance

struct Feature {
  bool categorical = false;
  bool warped = false;
};
using Features = std::vector<Feature>;  // P

Eigen::Index theta_size(const Features& features);

class Kernel {
 public:
  Kernel(Features features, const VectorXd& theta);

  double signal() const { return signal_; }                   // s2
  double noise() const { return noise_; }                     // with the floor
  const VectorXd& precisions() const { return precisions_; }  // 1 / l^2 (P)
  const Features& features() const { return features_; }
  // For the kernels of base/simd/algebra.h; points into this.
  simd::Scales scales() const {
    return {static_cast<int>(features_.size()), precisions_.data(), categorical_.data(), signal_};
  }

  // (padded m, P) of features (m, P), zero beyond m.
  MatrixXd warped(const MatrixXd& x) const;
  // Of feature p alone, with its slopes.
  Warped warped(double x, Eigen::Index p) const { return warp(x, curves_(0, p), curves_(1, p)); }

 private:
  Features features_;
  VectorXd precisions_;
  Eigen::Array<bool, Eigen::Dynamic, 1> categorical_;
  double signal_, noise_;
  MatrixXd curves_;  // log a, log b (2, P); 0 where not warped
};

}  // namespace qkd::bayes
