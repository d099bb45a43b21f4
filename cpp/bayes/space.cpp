#include "bayes/space.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace qkd::bayes {
namespace {

constexpr std::int64_t kWarpedLevels = 4;

}  // namespace

double Dimension::position(double level) const {
  if (kind == Kind::continuous) return level;
  if (!positions.empty()) return positions[static_cast<std::size_t>(level)];
  const double k = static_cast<double>(levels);
  if (log_from > 0) {
    return std::log((log_from + level) / (log_from - 0.5)) /
           std::log((log_from + k - 0.5) / (log_from - 0.5));
  }
  return (level + 0.5) / k;
}

double Dimension::code_at(double u) const {
  if (kind == Kind::continuous) return u;
  const double k = static_cast<double>(levels);
  double level = std::floor(u * k);
  if (log_from > 0) {
    const double ratio = (log_from + k - 0.5) / (log_from - 0.5);
    level = std::round((log_from - 0.5) * std::pow(ratio, u)) - log_from;
  }
  return std::clamp(level, 0.0, k - 1);
}

Space::Space(std::vector<Dimension> dimensions) : dimensions_(std::move(dimensions)) {
  for (int d = 0; d < size(); ++d) {
    const Dimension& dimension = (*this)[d];
    const bool continuous = dimension.kind == Dimension::Kind::continuous;
    require(continuous ? dimension.levels == 0 : dimension.levels >= 1, dimension.name,
            "a discrete dimension must have a level at least, a continuous one none; got ", dimension.levels);
    require(dimension.positions.empty() ||
                static_cast<std::int64_t>(dimension.positions.size()) == dimension.levels,
            dimension.name, "positions must be one a level; got ", dimension.positions.size());
    for (const Condition& condition : dimension.conditions) {
      require(condition.parent >= 0 && condition.parent < d, dimension.name,
              "a parent must come before its children; got dimension ", condition.parent, " as parent of ",
              d);
      const Dimension& parent = (*this)[condition.parent];
      require(parent.kind != Dimension::Kind::continuous, dimension.name, "parent ", parent.name,
              " must be discrete");
    }
    feature_of_.push_back(dimension.searched() ? features() : -1);
    if (!dimension.searched()) continue;
    const bool categorical = dimension.kind == Dimension::Kind::category;
    // Warps are for numbers of some range that are always active.
    const bool ranged = continuous || dimension.levels >= kWarpedLevels;
    kinds_.push_back({categorical, !categorical && ranged && dimension.conditions.empty()});
  }
}

bool Space::active(const RowVectorXd& code, int d) const {
  return std::ranges::all_of((*this)[d].conditions, [&code](const Condition& condition) {
    const double level = code[condition.parent];
    return level != kInactive &&
           std::ranges::find(condition.levels, static_cast<std::int64_t>(level)) != condition.levels.end();
  });
}

RowVectorXd Space::canonical(const RowVectorXd& full) const {
  RowVectorXd code = full;
  for (int d = 0; d < size(); ++d) {
    if (!active(code, d)) code[d] = kInactive;
  }
  return code;
}

RowVectorXd Space::full_code(const RowVectorXd& uniform) const {
  RowVectorXd full(size());
  for (int d = 0; d < size(); ++d) full[d] = (*this)[d].code_at(uniform[d]);
  return full;
}

MatrixXd Space::encode(const MatrixXd& codes) const {
  MatrixXd x(codes.rows(), features());
  for (int d = 0; d < size(); ++d) {
    const int p = feature_of(d);
    if (p < 0) continue;
    const Dimension& dimension = (*this)[d];
    for (Eigen::Index i = 0; i < codes.rows(); ++i) {
      const double code = codes(i, d);
      if (dimension.kind == Dimension::Kind::category) {
        x(i, p) = code;  // kInactive is one more category
      } else {
        x(i, p) = code == kInactive ? 0.5 : dimension.position(code);
      }
    }
  }
  return x;
}

std::optional<MatrixXd> Space::enumerate(int limit) const {
  std::vector<RowVectorXd> codes;
  RowVectorXd code(size());
  // Depth first over the dimensions; false once the limit is passed or a float is active.
  const std::function<bool(int)> descend = [&](int d) {
    if (d == size()) {
      codes.push_back(code);
      return static_cast<int>(codes.size()) <= limit;
    }
    if (!active(code, d)) {
      code[d] = kInactive;
      return descend(d + 1);
    }
    if ((*this)[d].kind == Dimension::Kind::continuous) return false;
    for (std::int64_t level = 0; level < (*this)[d].levels; ++level) {
      code[d] = static_cast<double>(level);
      if (!descend(d + 1)) return false;
    }
    return true;
  };
  if (!descend(0)) return std::nullopt;
  MatrixXd all(static_cast<Eigen::Index>(codes.size()), size());
  for (std::size_t i = 0; i < codes.size(); ++i) all.row(static_cast<Eigen::Index>(i)) = codes[i];
  return all;
}

}  // namespace qkd::bayes
