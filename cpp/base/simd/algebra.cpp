#include "base/simd/algebra.h"

#include <string_view>

#include "base/simd/kernels.h"

namespace qkd::simd {

extern const Algebra algebra_v2;
#ifdef QKDFLOW_X86_LEVELS
extern const Algebra algebra_v3, algebra_v4;
#endif

namespace {

const Algebra& choose() {
#ifdef QKDFLOW_X86_LEVELS
  const std::string_view level = kernels().level;
  if (level == "v4") return algebra_v4;
  if (level == "v3") return algebra_v3;
#endif
  return algebra_v2;
}

}  // namespace

const Algebra& algebra() {
  static const Algebra& chosen = choose();
  return chosen;
}

}  // namespace qkd::simd
