// Lifetimes -> offsets -> one aligned block: buffers that are never alive together share memory.
#pragma once
#include <array>
#include <cstddef>
#include <vector>

#include "base/buffer.h"
#include "base/simd/kernels.h"

namespace qkd {

class Arena {
 public:
  using Handle = std::size_t;
  struct Life {  // from time `first` to time `last`, both included
    int first, last;
  };
  using Lives = std::array<Life, 2>;

  // Each shard has a clock of its own, so no two shards may share memory.
  explicit Arena(int shards = 1) : shards_(shards) {}
  int shards() const { return shards_; }

  // Asks for `size` floats for each shard: alive once, or twice, which is given in order.
  Handle reserve(std::size_t size, int first, int last) {
    return reserve(size, Lives{Life{first, last}, Life{first, last}});
  }
  Handle reserve(std::size_t size, Lives lives);
  // Asks for `size` floats for all of them, at times when all clocks are the same.
  Handle reserve_once(std::size_t size, Lives lives);

  // Floats asked for at each time from 0 on: what the block needs at least.
  std::vector<std::size_t> load() const;

  // Places every buffer and allocates the block, with a little room behind the last for kernels that read
  // whole vectors; call once, after the last reserve.
  void allocate();

  // What was reserved once is the same for any shard.
  float* at(Handle handle, int shard = 0);
  std::size_t size() const { return block_.size(); }  // floats in the block

 private:
  static constexpr std::size_t kSlack = simd::kSlack;
  static constexpr int kAll = -1;
  struct Request {
    std::size_t size;
    Lives lives;
    int shard;
    std::size_t offset = 0;

    bool meets(const Request& other) const;  // whether they may not share memory
  };

  int shards_ = 1;
  std::vector<Request> requests_;
  std::vector<std::size_t> first_;  // of a handle's requests, one a shard or one for all
  Buffer<float> block_;
};

}  // namespace qkd
