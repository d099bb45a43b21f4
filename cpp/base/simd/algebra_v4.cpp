#define QKD_LEVEL v4
#define QKD_LANES 8
#include "base/simd/algebra.inc"
