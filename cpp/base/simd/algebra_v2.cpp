#define QKD_LEVEL v2
#define QKD_LANES 2
#include "base/simd/algebra.inc"
