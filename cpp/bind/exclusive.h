// Work on what Python threads share, one at a time.
#pragma once
#include <mutex>

#include "base/check.h"
#include "base/process_mutex.h"
#include "bind/gil.h"

namespace qkd::bind {

// Whether this thread reads samples for an object at work, which waits for it: it must not wait in its turn.
inline thread_local bool feeds_the_engine = false;

// What this thread works on; a handler of a signal runs on it in the midst of that, and would wait for
// itself.
inline thread_local const ProcessMutex* mine = nullptr;

// Work on an object that Python threads may share: without the GIL, which is given up first, so that a thread
// which waits here never holds it.
class Exclusive {
 public:
  template <typename Shared>
  explicit Exclusive(const Shared& shared) : lock_(may_wait(shared.mutex())) {
    mine = &shared.mutex();
  }
  ~Exclusive() { mine = before_; }
  Exclusive(const Exclusive&) = delete;
  Exclusive& operator=(const Exclusive&) = delete;

 private:
  static ProcessMutex& may_wait(ProcessMutex& mutex) {
    require(!feeds_the_engine || !mutex.is_locked(), "x", "a source must not use the model that reads it");
    require(mine != &mutex, "model",
            "a signal's handler must not use the model that it interrupts. Let the handler set a flag, and a "
            "callback look at it when an epoch ends");
    return mutex;
  }

  const ProcessMutex* before_ = mine;
  Released released_;
  std::lock_guard<ProcessMutex> lock_;
};

}  // namespace qkd::bind
