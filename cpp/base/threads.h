// Threads. Work is cut into shards whose number never depends on the number of threads, and each shard is
// computed by one thread: the same bits at any thread count.
#pragma once
#include <algorithm>
#include <cstddef>
#include <functional>

namespace qkd {

// How many threads the engine may use: one in a forked child, whatever is set.
void set_threads(int count);
int threads();

// Calls body(0) .. body(count - 1), spread over the threads; the first exception is thrown on.
void parallel(int count, const std::function<void(int)>& body);

// Calls body(begin, count) for pieces of `size` numbers, cut without regard to the threads. Few numbers are
// one piece, which costs no more than the call; more may see denormals as zeros, as any body of `parallel`.
template <typename Body>
void in_pieces(std::size_t size, const Body& body) {
  constexpr std::size_t kPiece = 1 << 15;  // a multiple of every vector: only the last piece has a tail
  if (size <= kPiece) return body(std::size_t{0}, size);
  parallel(static_cast<int>((size + kPiece - 1) / kPiece), [&](int piece) {
    const std::size_t begin = static_cast<std::size_t>(piece) * kPiece;
    body(begin, std::min(kPiece, size - begin));
  });
}

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
