// Projected dense BFGS: the minimum of a smooth function on a box.
//
// Coordinates that sit on a bound with the gradient pointing outward are held; the rest take a quasi-Newton
// step, clipped to the box, with Armijo backtracking (Nocedal and Wright 2006, chapters 6 and 16.7).
#pragma once
#include <Eigen/Core>
#include <functional>

namespace qkd::bayes {

// Value at x; fills the gradient. A value that is not finite rejects the step.
using Smooth = std::function<double(const Eigen::VectorXd& x, Eigen::VectorXd& gradient)>;

struct Box {
  Eigen::VectorXd low, high;
};

struct Descent {
  int iterations = 40;
  double tolerance = 1e-2;  // on the largest entry of the projected gradient
  double longest = 2.0;     // the largest move of a coordinate in one iteration
  Eigen::MatrixXd inverse;  // a guess of the inverse Hessian; empty: the identity
};

struct Minimum {
  Eigen::VectorXd x;
  double value;
  Eigen::MatrixXd inverse;  // of the Hessian, approximately
};

Minimum minimise(const Smooth& f, const Eigen::VectorXd& start, const Box& box, const Descent& descent);

}  // namespace qkd::bayes
