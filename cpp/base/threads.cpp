#include "base/threads.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <exception>

#include "base/check.h"
#include "base/flush_denormals.h"

#ifdef QKDFLOW_OPENMP
// OpenMP's own header is of the compiler that brought it; these two names are of the standard.
extern "C" void omp_set_num_threads(int);
extern "C" int omp_get_max_threads(void);
#endif

namespace qkd {

namespace {

void set([[maybe_unused]] int count) noexcept {
#ifdef QKDFLOW_OPENMP
  omp_set_num_threads(count);
#endif
}

// A forked child has the one thread that forked; libgomp would wait for ever for the others of its team.
std::atomic<bool> forked = false;

void stay_alone() noexcept {
  forked = true;
  set(1);
}
[[maybe_unused]] const int registered = pthread_atfork(nullptr, nullptr, stay_alone);

}  // namespace

void set_threads(int count) {
  require(count >= 1 && count <= 1024, "threads", "must be 1 to 1024; got ", count);
  set(forked ? 1 : count);
}

int threads() {
  if (forked) set(1);  // for the threads that the child starts
#ifdef QKDFLOW_OPENMP
  return omp_get_max_threads();
#else
  return 1;
#endif
}

void parallel(int count, const std::function<void(int)>& body) {
  const int team = std::min(count, threads());
  if (team <= 1) {
    for (int i = 0; i < count; ++i) body(i);
    return;
  }
#ifdef QKDFLOW_OPENMP
  std::exception_ptr thrown;
#pragma omp parallel for num_threads(team) schedule(static)
  for (int i = 0; i < count; ++i) {
    const FlushDenormals flush;
    try {
      body(i);
    } catch (...) {
#pragma omp critical
      if (!thrown) thrown = std::current_exception();
    }
  }
  if (thrown) std::rethrow_exception(thrown);
#endif
}

SingleThread::SingleThread() : before_(threads()) { set(1); }
SingleThread::~SingleThread() { set(before_); }

}  // namespace qkd
