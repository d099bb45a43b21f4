#include "base/threads.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>

#include "base/check.h"
#include "base/flush_denormals.h"

#ifdef QKDFLOW_OPENMP
// OpenMP's own header is of the compiler that brought it; these two names are of the standard.
extern "C" void omp_set_num_threads(int);
extern "C" int omp_get_max_threads(void);
#else
#include "base/team.h"
#endif

namespace qkd {

namespace {

#ifdef QKDFLOW_OPENMP
void set(int count) noexcept { omp_set_num_threads(count); }
int most() { return omp_get_max_threads(); }

template <typename Body>
void spread(int team, int count, const Body& body) {
#pragma omp parallel for num_threads(team) schedule(static)
  for (int i = 0; i < count; ++i) body(i);
}
#else
// Where ThreadSanitizer must see the threads, and where a compiler has no OpenMP: a team for every call.
thread_local int allowed = 1;
void set(int count) noexcept { allowed = count; }
int most() { return allowed; }

template <typename Body>
void spread(int team, int count, const Body& body) {
  spread_over_team(team, count, body);
}
#endif

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
  return most();
}

void parallel(int count, const std::function<void(int)>& body) {
  const int team = std::min(count, threads());
  if (team <= 1) {
    const FlushDenormals flush;  // as the threads of a team do
    for (int i = 0; i < count; ++i) body(i);
    return;
  }
  std::exception_ptr thrown;
  std::mutex one;
  spread(team, count, [&](int i) {
    const FlushDenormals flush;
    try {
      body(i);
    } catch (...) {
      const std::lock_guard<std::mutex> lock(one);
      if (!thrown) thrown = std::current_exception();
    }
  });
  if (thrown) std::rethrow_exception(thrown);
}

SingleThread::SingleThread() : before_(threads()) { set(1); }
SingleThread::~SingleThread() { set(before_); }

}  // namespace qkd
