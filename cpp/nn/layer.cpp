#include "nn/layer.h"

#include "base/check.h"

namespace qkd::nn {

const Shape& Layer::only(const Shapes& srcs) const {
  require(srcs.size() == 1, name(), "takes one source; got ", srcs.size());
  return srcs[0];
}

}  // namespace qkd::nn
