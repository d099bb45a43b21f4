#include "nn/layer.h"

#include <algorithm>

#include "base/check.h"
#include "base/simd/kernels.h"

namespace qkd::nn {

const Shape& Layer::only(const Shapes& srcs) const {
  require(srcs.size() == 1, name(), "takes one source; got ", srcs.size());
  return srcs[0];
}

void bias_gradient(const Binding& b, int rows, int columns) {
  if (b.centred)
    std::fill_n(b.gradients[1], columns, 0.0f);
  else
    simd::kernels().column_sums(rows, columns, b.diff_dst, b.gradients[1]);
}

}  // namespace qkd::nn
