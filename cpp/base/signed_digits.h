// Codes of few canonical signed digits: 2^a, 2^a +- 2^b, ... A product with two of them is one adder of
// shifted inputs, which takes no multiplier.
#pragma once
#include <cstdint>

namespace qkd {

// The code nearest to `code`, of those with at most `digits` >= 1 signed digits; |result| <= limit, where
// |code|
// <= limit < 2^62. Greedy: the nearest power of two, then that of the remainder; the smaller of two as near.
// Internal linkage: the vector kernels compile it once for each level.
static inline std::int64_t nearest_signed_digits(std::int64_t code, int digits, std::int64_t limit) {
  std::int64_t sum = 0, rest = code < 0 ? -code : code;
  for (int left = digits; left > 0 && rest != 0; --left) {
    const std::int64_t size = rest < 0 ? -rest : rest;
    std::int64_t power = std::int64_t{1} << (63 - __builtin_clzll(static_cast<std::uint64_t>(size)));
    const bool up = 2 * power - size < size - power;
    if (up && (left > 1 || rest < 0 || sum + 2 * power <= limit)) power *= 2;
    sum += rest < 0 ? -power : power;
    rest = (code < 0 ? -code : code) - sum;
  }
  return code < 0 ? -sum : sum;
}

}  // namespace qkd
