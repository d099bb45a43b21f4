// Dense by oneDNN's matmul, for layers large enough to hide the 1 us that calling a primitive costs.
#include "nn/dense.h"
#include "nn/onednn.h"

namespace qkd::nn {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;

struct Operand {
  const float* data;
  memory::dim rows, columns;
  bool transposed = false;  // the data lie as (columns, rows)
};

Primitive matmul(const Operand& a, const Operand& b, const float* bias, float* c, Scratch* scratch) {
  const auto desc = [](const Operand& o) {
    return f32({o.rows, o.columns}, o.transposed ? Tag::ba : Tag::ab);
  };
  const memory::desc dst = f32({a.rows, b.columns}, Tag::ab);
  const memory::desc bias_desc = bias ? f32({1, b.columns}, Tag::ab) : memory::desc();
  const dnnl::matmul::primitive_desc pd(cpu(), desc(a), desc(b), bias_desc, dst, with_user_scratchpad());
  std::unordered_map<int, memory> arguments{{DNNL_ARG_SRC, memory_at(desc(a), a.data)},
                                            {DNNL_ARG_WEIGHTS, memory_at(desc(b), b.data)},
                                            {DNNL_ARG_DST, memory_at(dst, c)}};
  if (bias) arguments.insert({DNNL_ARG_BIAS, memory_at(bias_desc, bias)});
  return {dnnl::matmul(pd), pd, std::move(arguments), scratch};
}

class DenseOneDnnPart {
 public:
  explicit DenseOneDnnPart(const Binding& b) : b_(b), n_(b.src_shape()[0]), units_(b.dst_shape[0]) {
    forward_ = matmul({b.src(), b.batch, n_}, {b.params[0], n_, units_}, b.biased() ? b.params[1] : nullptr,
                      b.dst, b.scratch);
    if (!b.diff_dst) return;
    gradient_ = matmul({b.kept_src(), n_, b.batch, true}, {b.diff_dst, b.batch, units_}, nullptr,
                       b.gradients[0], b.scratch);
    if (b.diff_src())
      backward_ = matmul({b.diff_dst, b.batch, units_}, {b.params[0], units_, n_, true}, nullptr,
                         b.diff_src(), b.scratch);
  }

  void forward() {
    forward_();
    if (b_.clip)
      simd::kernels().clip(static_cast<std::size_t>(b_.batch) * static_cast<std::size_t>(units_), b_.dst,
                           b_.clip->low, b_.clip->high, b_.dst);
  }

  void backward() {
    gradient_();
    if (b_.biased()) bias_gradient(b_, b_.batch, units_);
    if (backward_) backward_();
  }

 private:
  Binding b_;
  int n_, units_;
  Primitive forward_, gradient_, backward_;
};

}  // namespace

std::unique_ptr<Step> bind_dense_onednn(std::span<const Binding> shards) {
  return std::make_unique<Shards<DenseOneDnnPart>>(shards);
}

}  // namespace qkd::nn
