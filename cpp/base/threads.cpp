#include "base/threads.h"

#include "base/check.h"

#ifdef QKDFLOW_OPENMP
#include <omp.h>
#endif

namespace qkd {

void set_threads(int count) {
  require(count >= 1, "threads", "must be at least 1; got ", count);
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
