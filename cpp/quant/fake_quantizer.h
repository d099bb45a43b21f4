// A FixedPoint as training sees it: float32 values rounded to its grid and saturated, gradients straight
// through.
#pragma once
#include <string>

#include "base/simd/kernels.h"
#include "quant/fixed_point.h"

namespace qkd {

// Throws ValueError, naming `where`, for a type that training cannot follow: rounding other than RND,
// RND_CONV or TRN, overflow other than saturation.
simd::FakeQuantizer fake_quantizer(const FixedPoint& type, const std::string& where);

}  // namespace qkd
