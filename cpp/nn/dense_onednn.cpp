// Dense by oneDNN's matmul, for layers large enough to hide the 1 us that calling a primitive costs.
#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>

#include "nn/dense.h"

namespace qkd::nn {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;

const dnnl::engine& cpu() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

// One matmul on fixed memory; its scratchpad is its own, because in the library's default mode a primitive
// that runs on another thread than the one that made it may crash.
class Matmul {
 public:
  struct Operand {
    const float* data;
    memory::dim rows, columns;
    bool transposed = false;  // the data lie as (columns, rows)
  };

  Matmul(const Operand& a, const Operand& b, const float* bias, float* c) : stream_(cpu()) {
    const auto desc = [](const Operand& o) {
      return memory::desc({o.rows, o.columns}, memory::data_type::f32, o.transposed ? Tag::ba : Tag::ab);
    };
    const memory::desc src = desc(a), weights = desc(b), dst = desc({c, a.rows, b.columns});
    const memory::desc bias_desc =
        bias ? memory::desc({1, b.columns}, memory::data_type::f32, Tag::ab) : memory::desc();
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const dnnl::matmul::primitive_desc pd(cpu(), src, weights, bias_desc, dst, attributes);
    matmul_ = dnnl::matmul(pd);
    scratchpad_ = Buffer<float>(pd.scratchpad_desc().get_size() / sizeof(float) + 1);
    const auto at = [](const memory::desc& d, const float* p) {
      return memory(d, cpu(), const_cast<float*>(p));
    };
    arguments_ = {{DNNL_ARG_SRC, at(src, a.data)},
                  {DNNL_ARG_WEIGHTS, at(weights, b.data)},
                  {DNNL_ARG_DST, at(dst, c)},
                  {DNNL_ARG_SCRATCHPAD, at(pd.scratchpad_desc(), scratchpad_.data())}};
    if (bias) arguments_.insert({DNNL_ARG_BIAS, at(bias_desc, bias)});
  }

  void operator()() {
    matmul_.execute(stream_, arguments_);
    stream_.wait();
  }

 private:
  dnnl::stream stream_;
  dnnl::matmul matmul_;
  Buffer<float> scratchpad_;
  std::unordered_map<int, memory> arguments_;
};

class DenseOneDnnStep final : public Step {
 public:
  explicit DenseOneDnnStep(const Binding& b)
      : b_(b),
        n_(b.src_shape[0]),
        units_(b.dst_shape[0]),
        forward_({b.src, b.batch, n_}, {b.params[0], n_, units_}, b.params.size() > 1 ? b.params[1] : nullptr,
                 b.dst) {
    if (!b.diff_dst) return;
    gradient_ =
        std::make_unique<Matmul>(Matmul::Operand{b.src, n_, b.batch, true},
                                 Matmul::Operand{b.diff_dst, b.batch, units_}, nullptr, b.gradients[0]);
    if (b.diff_src)
      backward_ =
          std::make_unique<Matmul>(Matmul::Operand{b.diff_dst, b.batch, units_},
                                   Matmul::Operand{b.params[0], units_, n_, true}, nullptr, b.diff_src);
  }

  void forward() override { forward_(); }

  void backward() override {
    (*gradient_)();
    if (b_.gradients.size() > 1) simd::kernels().column_sums(b_.batch, units_, b_.diff_dst, b_.gradients[1]);
    if (backward_) (*backward_)();
  }

 private:
  Binding b_;
  int n_, units_;
  Matmul forward_;
  std::unique_ptr<Matmul> gradient_, backward_;
};

}  // namespace

std::unique_ptr<Step> bind_dense_onednn(const Binding& binding) {
  return std::make_unique<DenseOneDnnStep>(binding);
}

}  // namespace qkd::nn
