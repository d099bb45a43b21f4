// Assigning codes to another type, as ap_fixed does.
#pragma once
#include "fixed/tensor.h"

namespace qkd::fixed {

// The bounds of codes with `fraction` fraction bits after a cast to `to`. A cast keeps the order of codes
// unless it wraps, or zeroes what overflows: then any code of its type may come.
Interval cast(Interval codes, int fraction, const FixedPoint& to);

// Every code that the type's bits can hold.
inline Interval whole(const FixedPoint& type) { return {type.low_code(), type.high_code()}; }

}  // namespace qkd::fixed
