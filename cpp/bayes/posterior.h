// The Gaussian process given its observations: mean and variance of the noise-free function, and their
// gradients.
//
// Notation as in map.h; L = chol K, R = L^-1, v = R k(X, x): mean = c + k'a, a = R'R (y - c),
// variance = s2 - |v|^2. R and not L is kept: every product with it is one of matrices, and it grows by a row
// at a time: a new row l, d of L gives the row -l'R / d, 1 / d of R, in O(n^2).
// Draws: outcomes of running trials may be imagined, N at once. With L's new block and z (q, N) normal,
// y_r = mean_r + L_rr z, and the mean given the j-th draw has a_j = (a, 0) + R'(0, z_j); the variance is the
// same for all draws. Without running trials N is 1.
#pragma once
#include <Eigen/Core>

#include "bayes/kernel.h"
#include "bayes/map.h"

namespace qkd::bayes {

class Posterior {
 public:
  // `room`: rows that will be appended. Throws ValueError where K is not positive definite even with a jitter
  // of 1e-4 s2.
  Posterior(Observations seen, const VectorXd& theta, Eigen::Index room = 0);

  // More trials (q, P) with the noise of their own (q); `tell` must follow.
  void append(const MatrixXd& x, const VectorXd& extra);
  // The outputs of all trials (n).
  void tell(const VectorXd& y);
  // Trials that still run (q, P) with normal draws z (q, N): the noise-free means at them given each draw of
  // their outcomes (q, N). At most once.
  MatrixXd imagine(const MatrixXd& x, const MatrixXd& z);

  struct Batch {
    MatrixXd mean;      // (m, N)
    VectorXd variance;  // (m)
  };
  Batch predict(const MatrixXd& x) const;  // features (m, P)
  // The same means with variances too large: those that the one closest trial leaves. In O(m n).
  Batch bound(const MatrixXd& x) const;

  struct Local {
    VectorXd mean;  // (N)
    double variance;
    MatrixXd mean_slope;      // (P, N); 0 for categories
    VectorXd variance_slope;  // (P)
  };
  Local predict_with_slopes(const VectorXd& x) const;  // features (P)

  VectorXd means_at_seen() const;  // the noise-free means at the trials told (n)

  Eigen::Index size() const { return n_; }  // rows, imagined ones included
  const Kernel& kernel() const { return kernel_; }

 private:
  using RowMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

  // The new row of L, left of the diagonal; R grows by it. Returns the diagonal.
  double grow(const VectorXd& x, double extra, VectorXd& row);
  int rows() const { return static_cast<int>(n_); }
  Eigen::Index capacity() const { return root_.rows(); }
  VectorXd times_root(const VectorXd& x) const;             // R x (n), padded
  VectorXd times_transposed_root(const VectorXd& x) const;  // R' x (n), padded
  template <class Taken>  // what of the prior's variance k (n, m) takes away (m)
  Batch batched(const MatrixXd& x, const Taken& taken_by) const;
  RowMatrix covariances(const MatrixXd& w, Eigen::Index first,
                        Eigen::Index m) const;  // (n, m) of warped features

  Kernel kernel_;
  Eigen::Index n_;
  MatrixXd w_;          // warped features (capacity, P); a capacity is padded, and zero beyond n
  VectorXd diagonal_;   // noise and extra (capacity)
  RowMatrix root_;      // R (capacity, capacity)
  VectorXd y_, white_;  // outputs told (n); R (y - c)
  MatrixXd a_;          // (n, N)
  double c_ = 0;
};

}  // namespace qkd::bayes
