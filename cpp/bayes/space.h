// The search space as the optimiser sees it: D dimensions, each a float, a grid or a set of categories, some
// of them active only for some values of others.
//
// Notation: a code is a row of D doubles, one a dimension: a position in [0, 1] (continuous), a level index
// 0 .. K-1 (grid, category), or kInactive. A full code has no inactive entry; canonical() puts the marks in.
// Features are the P columns that the kernel compares (dimensions of one level have none): positions in [0,
// 1], a grid's on its snapped value (Garrido-Merchan and Hernandez-Lobato 2020), 0.5 where inactive; a
// category's is its level, -1 where inactive.
#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bayes/kernel.h"

namespace qkd::bayes {

using Eigen::RowVectorXd;

inline constexpr double kInactive = -1.0;

// Holds where dimension `parent` is active and at one of `levels`.
struct Condition {
  int parent;
  std::vector<std::int64_t> levels;
};

struct Dimension {
  enum class Kind { continuous, grid, category };

  std::string name;
  Kind kind = Kind::continuous;
  std::int64_t levels = 0;            // K; 0 where continuous
  double log_from = 0;                // > 0: a grid of the integers log_from, log_from + 1, ... in log scale
  std::vector<double> positions;      // a grid's own positions, ascending; empty: even, (k + 0.5) / K
  std::vector<Condition> conditions;  // all must hold

  double position(double level) const;  // in [0, 1]
  double code_at(double u) const;       // of a uniform number in [0, 1)
  bool searched() const { return levels != 1; }
};

class Space {
 public:
  // Throws ValueError unless every parent comes before its children and is discrete.
  explicit Space(std::vector<Dimension> dimensions);

  int size() const { return static_cast<int>(dimensions_.size()); }
  const Dimension& operator[](int d) const { return dimensions_[static_cast<std::size_t>(d)]; }

  RowVectorXd canonical(const RowVectorXd& full) const;
  // The full code of D uniform numbers in [0, 1).
  RowVectorXd full_code(const RowVectorXd& uniform) const;

  int features() const { return static_cast<int>(kinds_.size()); }
  const Features& feature_kinds() const { return kinds_; }                                          // P
  int feature_of(int dimension) const { return feature_of_[static_cast<std::size_t>(dimension)]; }  // or -1
  MatrixXd encode(const MatrixXd& codes) const;  // canonical codes (n, D) -> features (n, P)

  // Every canonical code (n, D), or nothing where there are more than `limit`.
  std::optional<MatrixXd> enumerate(int limit) const;

 private:
  bool active(const RowVectorXd& code, int d) const;

  std::vector<Dimension> dimensions_;
  Features kinds_;
  std::vector<int> feature_of_;
};

}  // namespace qkd::bayes
