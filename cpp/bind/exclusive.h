// Work on what Python threads share, one at a time.
#pragma once
#include <unistd.h>

#include <atomic>
#include <mutex>

#include "base/check.h"
#include "bind/gil.h"

namespace qkd::bind {

// Whether this thread reads samples for an object at work, which waits for it: it must not wait in its turn.
inline thread_local bool feeds_the_engine = false;

// What this thread works on; a handler of a signal runs on it in the midst of that, and would wait for
// itself.
inline thread_local const std::mutex* mine = nullptr;

// Work on an object that Python threads may share: without the GIL, which is given up first, so that a thread
// which waits here never holds it.
class Exclusive {
 public:
  template <typename Shared>
  explicit Exclusive(const Shared& shared) : at_work_(shared.at_work()), lock_(free_of(shared)) {
    at_work_ = getpid();
    mine = &shared.mutex();
  }
  ~Exclusive() {
    mine = before_;
    at_work_ = 0;
  }
  Exclusive(const Exclusive&) = delete;
  Exclusive& operator=(const Exclusive&) = delete;

 private:
  template <typename Shared>
  static std::mutex& free_of(const Shared& shared) {
    const int owner = shared.at_work();
    require(!feeds_the_engine || owner == 0, "x", "a source must not use the model that reads it");
    require(mine != &shared.mutex(), "model",
            "a signal's handler must not use the model that it interrupts. Let the handler set a flag, and a "
            "callback look at it when an epoch ends");
    if (owner != 0 && owner != getpid())  // its mutex is locked for ever
      throw EnvironmentError(
          "[model] must not be at work in another thread while the process forks; it was. Make or load "
          "another "
          "one in the child");
    return shared.mutex();
  }

  const std::mutex* before_ = mine;
  std::atomic<int>& at_work_;
  Released released_;
  std::lock_guard<std::mutex> lock_;
};

}  // namespace qkd::bind
