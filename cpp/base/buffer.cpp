#include "base/buffer.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace qkd {

void ask_for_huge_pages(void* memory, std::size_t bytes) {
#ifdef __linux__
  madvise(memory, bytes, MADV_HUGEPAGE);  // where it says no, pages are small: slower, and nothing else
#else
  (void)memory, (void)bytes;
#endif
}

}  // namespace qkd
