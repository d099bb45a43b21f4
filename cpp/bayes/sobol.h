// A scrambled Sobol sequence: evenly spread points in [0, 1)^D, a pure function of (key, index).
//
// Direction numbers of Joe and Kuo, "Constructing Sobol sequences with better two-dimensional projections"
// (SIAM J. Sci. Comput. 2008); nested uniform scrambling by the hash of Laine and Karras, "Stratified
// sampling for stochastic transparency" (EGSR 2011). Dimensions above the table's 21 are plain uniform
// numbers.
#pragma once
#include <Eigen/Core>
#include <cstdint>

#include "base/key.h"

namespace qkd::bayes {

// Points first .. first + n - 1, (n, dimensions).
Eigen::MatrixXd sobol(Key key, std::uint32_t first, int n, int dimensions);

}  // namespace qkd::bayes
