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

namespace qkd::bayes {

using Eigen::ArrayXXd;
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

  MatrixXd warped(const MatrixXd& x) const;       // (m, P) of features (m, P)
  VectorXd warp_slopes(const VectorXd& x) const;  // dw_p/dx_p (P) of features (P)
  // Of warped features, (rows of a, rows of b).
  ArrayXXd squared_distances(const MatrixXd& a, const MatrixXd& b) const;  // r2
  MatrixXd operator()(const MatrixXd& a, const MatrixXd& b) const;         // k

 private:
  Features features_;
  VectorXd precisions_;
  double signal_, noise_;
  MatrixXd curves_;  // log a, log b (2, P); 0 where not warped
};

// k and dk/dr2 of r2, in place of the arrays given, for s2 = 1.
void matern(const Eigen::Ref<const ArrayXXd>& r2, Eigen::Ref<ArrayXXd> k, Eigen::Ref<ArrayXXd> slope);
void matern(Eigen::Ref<ArrayXXd> r2_to_k);

}  // namespace qkd::bayes
