// Threads. Work is cut into shards whose number never depends on the number of threads, and each shard is
// computed by one thread: the same bits at any thread count.
#pragma once
#include <functional>

namespace qkd {

// How many threads the engine may use: one in a forked child, whatever is set.
void set_threads(int count);
int threads();

// Calls body(0) .. body(count - 1), spread over the threads; the first exception is thrown on.
void parallel(int count, const std::function<void(int)>& body);

// While it lives, oneDNN makes primitives for one thread: those that shards run.
class SingleThread {
 public:
  SingleThread();
  ~SingleThread();
  SingleThread(const SingleThread&) = delete;
  SingleThread& operator=(const SingleThread&) = delete;

 private:
  int before_;
};

}  // namespace qkd
