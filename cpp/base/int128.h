// 128-bit integers: sums and shifts of 64-bit codes in them cannot overflow. A GCC and Clang extension.
#pragma once

namespace qkd {

__extension__ using Int128 = __int128;
__extension__ using UInt128 = unsigned __int128;

}  // namespace qkd
