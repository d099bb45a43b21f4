// A mutex that says which process holds it.
//
// A std::mutex that one thread holds while another forks stays locked in the child for ever, where its holder
// is not. Here the word that says that it is held says by which process, so that there is no instant between
// the two: a child is told, and does not wait.
#pragma once
#include <unistd.h>

#include <atomic>

#include "base/check.h"

namespace qkd {

class ProcessMutex {
 public:
  // Throws EnvironmentError where the process that holds it is not this one: it forked.
  void lock() {
    const int self = getpid();
    for (int holder = 0; !holder_.compare_exchange_strong(holder, self); holder = 0) {
      if (holder != self)
        throw EnvironmentError(
            "[model] must not be at work in another thread while the process forks; it was. Make or load "
            "another one in the child");
      holder_.wait(holder);
    }
  }
  void unlock() {
    holder_ = 0;
    holder_.notify_one();
  }
  bool is_locked() const { return holder_ != 0; }

 private:
  std::atomic<int> holder_ = 0;  // a process, or 0
};

}  // namespace qkd
