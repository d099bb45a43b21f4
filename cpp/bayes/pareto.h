// Two objectives to minimise: the front of the best trade-offs, and what a new point would add to it.
//
// The front, sorted by the first objective, cuts the plane below the reference point into strips: strip i
// lies between edges e_i and e_{i+1} of the first objective (e_0 = -inf, the last edge the reference) and is
// open below level b_i of the second (b_0 the reference). A point (u, v) adds sum_i len_i(u) (b_i - v)+ of
// hypervolume, len_i(u) = (e_{i+1} - u)+ - (e_i - u)+. Both objectives being independent normals,
//   EHVI = sum_i [EI_1(e_{i+1}) - EI_1(e_i)] EI_2(b_i),
// which equals the box sums of Emmerich et al. (CEC 2011) and Yang et al. (J. Global Optim. 2019) term by
// term. All in logarithms.
#pragma once
#include <Eigen/Core>
#include <vector>

namespace qkd::bayes {

using Eigen::MatrixXd;
using Eigen::VectorXd;

// Rows of values (n, M) that no other row beats in all columns; of equal rows the first.
std::vector<Eigen::Index> non_dominated(const MatrixXd& values);

// Of the part of the front (n, 2) that is below the reference.
double hypervolume(const MatrixXd& points, const VectorXd& reference);

class Strips {
 public:
  Strips(const MatrixXd& points, const VectorXd& reference);  // (n, 2), in any order

  struct Gain {
    double value;                  // a logarithm
    double mean[2], deviation[2];  // its derivatives
  };
  // Both objectives uncertain.
  Gain log_ehvi(const double mean[2], const double deviation[2]) const;
  // The first objective, a cost, known; the derivatives are those of the second.
  Gain log_ehvi_at(double cost, double mean, double deviation) const;

 private:
  std::vector<double> edges_;   // e_1 .. the reference
  std::vector<double> levels_;  // b_0 ..
};

}  // namespace qkd::bayes
