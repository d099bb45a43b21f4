#define QKD_LEVEL v3
#define QKD_LANES 4
#include "base/simd/algebra.inc"
