// A 128-bit integer, which every compiler that we build with has and ISO C++ does not.
#pragma once

namespace qkd {

__extension__ using Int128 = __int128;
__extension__ using UInt128 = unsigned __int128;

}  // namespace qkd
