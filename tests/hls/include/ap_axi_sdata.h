// As much of the vendors' header as the wrapper uses, for g++: hls4ml's open ap_types do not have it.
#pragma once
#include "ap_int.h"

template <int D, int U, int I, int T>
struct ap_axiu {
  ap_uint<D> data = 0;
  ap_uint<(D + 7) / 8> keep = 0, strb = 0;
  ap_uint<1> last = 0;
};
