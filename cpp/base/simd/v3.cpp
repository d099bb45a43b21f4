#define QKD_LEVEL v3
#define QKD_LANES 8
#define QKD_ROWS 6
#include "base/simd/kernels.inc"
