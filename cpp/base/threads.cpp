#include "base/threads.h"

#include "base/check.h"

#ifdef QKDFLOW_OPENMP
// OpenMP's own header is of the compiler that brought it; these two names are of the standard.
extern "C" void omp_set_num_threads(int);
extern "C" int omp_get_max_threads(void);
#endif

namespace qkd {

void set_threads(int count) {
  require(count >= 1 && count <= 1024, "threads", "must be 1 to 1024; got ", count);
#ifdef QKDFLOW_OPENMP
  omp_set_num_threads(count);
#endif
}

int threads() {
#ifdef QKDFLOW_OPENMP
  return omp_get_max_threads();
#else
  return 1;
#endif
}

}  // namespace qkd
