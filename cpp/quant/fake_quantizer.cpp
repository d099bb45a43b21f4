#include "quant/fake_quantizer.h"

#include "base/check.h"

namespace qkd {

simd::FakeQuantizer fake_quantizer(const FixedPoint& type, const std::string& where) {
  require(type.overflow == Overflow::SAT || type.overflow == Overflow::SAT_SYM, where,
          "training needs a saturating type (SAT or SAT_SYM); got ", type.ap_type());
  simd::FakeRounding rounding{};
  switch (type.rounding) {
    case Rounding::RND:
      rounding = simd::FakeRounding::half_up;
      break;
    case Rounding::RND_CONV:
      rounding = simd::FakeRounding::half_even;
      break;
    case Rounding::TRN:
      rounding = simd::FakeRounding::floor;
      break;
    default:
      require(false, where, "training rounds by RND, RND_CONV or TRN; got ", type.ap_type());
  }
  return {static_cast<float>(type.step()),
          static_cast<float>(1.0 / type.step()),
          static_cast<float>(type.low()),
          static_cast<float>(type.high()),
          rounding,
          type.digits};
}

}  // namespace qkd
