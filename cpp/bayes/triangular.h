// Inverses of triangular matrices, in panels that use where they are zero.
#pragma once
#include <Eigen/Core>

namespace qkd::bayes {

// root = lower^-1 (n, n); its upper triangle is zero.
void invert_lower(const Eigen::MatrixXd& lower, Eigen::MatrixXd& root);
// The lower triangle of root' root (n, n); the upper one is left zero or undefined.
void gram_of_lower(const Eigen::MatrixXd& root, Eigen::MatrixXd& gram);

}  // namespace qkd::bayes
