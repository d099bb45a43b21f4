#define QKD_LEVEL v2
#define QKD_LANES 4
#define QKD_ROWS 4
#include "base/simd/kernels.inc"
