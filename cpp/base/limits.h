// What no network for an FPGA comes near, so that a damaged description is refused before memory is asked
// for.
#pragma once
#include <cstddef>

namespace qkd {

inline constexpr std::size_t kMostValues = std::size_t{1} << 29;  // of a sample, of all parameters: 2 GiB

}  // namespace qkd
