// Memory aligned for the widest vectors, zero at birth.
#pragma once
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <span>

namespace qkd {

inline constexpr std::size_t kAlignment = 64;
inline constexpr std::size_t kHugePage = std::size_t{2} << 20;

// Asks the system to hold `bytes` of memory in huge pages, where it has such: large steps through an arena
// miss the TLB at every row otherwise.
void ask_for_huge_pages(void* memory, std::size_t bytes);

template <typename T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t size) : size_(size) {
    if (size == 0) return;
    const std::size_t bytes = size * sizeof(T);
    const bool is_large = bytes >= 2 * kHugePage;
    const std::align_val_t alignment{is_large ? kHugePage : kAlignment};
    data_ = {static_cast<T*>(::operator new(bytes, alignment)), Free{alignment}};
    if (is_large) ask_for_huge_pages(data_.get(), bytes);
    std::memset(static_cast<void*>(data_.get()), 0, bytes);
  }

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  std::size_t size() const { return size_; }
  std::span<T> span() { return {data(), size_}; }
  std::span<const T> span() const { return {data(), size_}; }

 private:
  struct Free {
    std::align_val_t alignment{kAlignment};
    void operator()(T* p) const { ::operator delete(p, alignment); }
  };
  std::unique_ptr<T, Free> data_;
  std::size_t size_ = 0;
};

}  // namespace qkd
