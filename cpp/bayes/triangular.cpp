#include "bayes/triangular.h"

#include <algorithm>

namespace qkd::bayes {
namespace {

constexpr Eigen::Index kPanel = 32;

}  // namespace

void invert_lower(const Eigen::MatrixXd& lower, Eigen::MatrixXd& root) {
  const Eigen::Index n = lower.rows();
  root.setIdentity(n, n);
  for (Eigen::Index j = 0; j < n; j += kPanel) {
    const Eigen::Index rest = n - j, width = std::min(kPanel, rest);
    lower.bottomRightCorner(rest, rest)
        .triangularView<Eigen::Lower>()
        .solveInPlace(root.block(j, j, rest, width));
  }
}

void gram_of_lower(const Eigen::MatrixXd& root, Eigen::MatrixXd& gram) {
  const Eigen::Index n = root.rows();
  gram.setZero(n, n);
  for (Eigen::Index i = 0; i < n; i += kPanel) {
    const Eigen::Index height = std::min(kPanel, n - i), end = i + height;
    gram.topLeftCorner(end, end).selfadjointView<Eigen::Lower>().rankUpdate(
        root.block(i, 0, height, end).transpose());
  }
}

}  // namespace qkd::bayes
