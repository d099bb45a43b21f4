#include "prune/schedule.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace qkd::prune {

void Schedule::check() const {
  for (const double s : {initial_sparsity, final_sparsity})
    require(s >= 0 && s < 1, "pruning schedule", "sparsity must be at least 0 and below 1; got ", s);
  require(frequency >= 1, "pruning schedule", "frequency must be at least 1 step; got ", frequency);
  require(begin_step >= 0, "pruning schedule", "begin_step must not be negative; got ", begin_step);
  require(end_step < 0 ? initial_sparsity == final_sparsity : end_step >= begin_step, "pruning schedule",
          "end_step must not be before begin_step ", begin_step, "; got ", end_step);
}

bool Schedule::due(std::int64_t step) const {
  const bool inside = step >= begin_step && (end_step < 0 || step <= end_step);
  return inside && ((step - begin_step) % frequency == 0 || step == end_step);
}

double Schedule::sparsity(std::int64_t step) const {
  if (step < begin_step) return 0;
  if (end_step <= begin_step) return final_sparsity;
  const double p = std::clamp(
      static_cast<double>(step - begin_step) / static_cast<double>(end_step - begin_step), 0.0, 1.0);
  return final_sparsity + (initial_sparsity - final_sparsity) * std::pow(1 - p, power);
}

}  // namespace qkd::prune
