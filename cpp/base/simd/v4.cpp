#define QKD_LEVEL v4
#define QKD_LANES 16
#define QKD_ROWS 8
#include "base/simd/kernels.inc"
