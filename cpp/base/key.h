// Counter-based random keys: a value, not a state. Same key, same bits, whatever the thread or the order.
//
// Philox4x32-10 of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).
#pragma once
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace qkd {

class Key {
 public:
  explicit Key(std::uint64_t seed = 0) : value_(seed) {}

  // A new key, independent of this one and of its other children.
  Key fold(std::uint64_t data) const;
  Key fold(std::string_view name) const;

  // The n-th block of four 32-bit words of this key's stream.
  std::array<std::uint32_t, 4> block(std::uint64_t n) const;

  std::uint64_t bits(std::uint64_t n) const;  // the n-th 64-bit word
  double uniform(std::uint64_t n) const;      // the n-th uniform number in [0, 1), 53 bits
  double normal(std::uint64_t n) const;       // the n-th standard normal number
  std::uint64_t below(std::uint64_t n, std::uint64_t bound) const;  // the n-th integer in [0, bound)

  // A random permutation of 0 .. n-1 (Fisher-Yates).
  std::vector<std::uint32_t> permutation(std::uint32_t n) const;

  std::uint64_t value() const { return value_; }
  friend bool operator==(Key, Key) = default;

 private:
  std::uint64_t value_;
};

}  // namespace qkd
