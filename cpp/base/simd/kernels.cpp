#include "base/simd/kernels.h"

#include <cstdlib>
#include <string_view>

namespace qkd::simd {

extern const Kernels kernels_v2;
#ifdef QKDFLOW_X86_LEVELS
extern const Kernels kernels_v3, kernels_v4;
#endif

namespace {

const Kernels& choose() {
#ifdef QKDFLOW_X86_LEVELS
  const char* asked = std::getenv("QKDFLOW_SIMD");
  const std::string_view most = asked ? asked : "v4";
  __builtin_cpu_init();
  if (most == "v4" && __builtin_cpu_supports("x86-64-v4")) return kernels_v4;
  if (most != "v2" && __builtin_cpu_supports("x86-64-v3")) return kernels_v3;
#endif
  return kernels_v2;
}

}  // namespace

const Kernels& kernels() {
  static const Kernels& chosen = choose();
  return chosen;
}

}  // namespace qkd::simd
