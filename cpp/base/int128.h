// 128-bit integers: sums and shifts of 64-bit codes in them cannot overflow. A GCC and Clang extension.
#pragma once

namespace qkd {

__extension__ typedef __int128 int128;
__extension__ typedef unsigned __int128 uint128;

}  // namespace qkd
