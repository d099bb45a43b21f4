// While one of these lives, this thread rounds denormal floats to zero. Moments of weights that no longer
// learn decay into denormals, and each operation on one of those costs a hundred cycles.
#pragma once
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace qkd {

class FlushDenormals {
 public:
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;
#if defined(__x86_64__)
  FlushDenormals() : before_(_mm_getcsr()) {
    _mm_setcsr(before_ | 0x8040);
  }  // flush to zero, denormals are zero
  ~FlushDenormals() { _mm_setcsr(before_); }

 private:
  unsigned before_;
#else
  FlushDenormals() = default;
#endif
};

}  // namespace qkd
