// Lifetimes -> offsets -> one aligned block: buffers that are never alive together share memory.
#pragma once
#include <cstddef>
#include <vector>

#include "base/buffer.h"
#include "base/simd/kernels.h"

namespace qkd {

class Arena {
 public:
  using Handle = std::size_t;

  // Asks for `size` floats that are alive from time `first` to time `last`, both included.
  Handle reserve(std::size_t size, int first, int last);

  // Floats asked for at each time from 0 on: what the block needs at least.
  std::vector<std::size_t> load() const;

  // Places every buffer and allocates the block, with a little room behind the last for kernels that read
  // whole vectors; call once, after the last reserve.
  void allocate();

  float* at(Handle handle) { return block_.data() + requests_[handle].offset; }
  std::size_t size() const { return block_.size(); }  // floats in the block

 private:
  static constexpr std::size_t kSlack = simd::kSlack;
  struct Request {
    std::size_t size;
    int first, last;
    std::size_t offset = 0;
  };
  std::vector<Request> requests_;
  Buffer<float> block_;
};

}  // namespace qkd
