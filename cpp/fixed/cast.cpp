#include "fixed/cast.h"

namespace qkd::fixed {

Interval cast(Interval codes, int fraction, const FixedPoint& to) {
  const auto [low, high] = codes;
  const int shift = fraction - to.fraction();
  const bool saturates = to.overflow == Overflow::SAT || to.overflow == Overflow::SAT_SYM;
  const bool holds = shift >= 0 ? (low >> shift) >= to.low_code() && -(-high >> shift) <= to.high_code()
                                : (low << -shift) >= to.low_code() && (high << -shift) <= to.high_code();
  if (!saturates && !holds) return whole(to);
  return {to.requantize(static_cast<std::int64_t>(low), fraction),
          to.requantize(static_cast<std::int64_t>(high), fraction)};
}

}  // namespace qkd::fixed
