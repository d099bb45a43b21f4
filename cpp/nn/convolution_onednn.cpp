// Convolution by oneDNN, channels last throughout: no reorders between layers. Only the kernel is brought
// into the layout that the primitive likes, once a pass for all shards.
#include <cmath>

#include "base/simd/kernels.h"
#include "base/threads.h"
#include "nn/convolution.h"
#include "nn/onednn.h"

namespace qkd::nn {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;

class Descriptions {
 public:
  Descriptions(const Binding& b, const Geometry& g, int groups, int batch)
      : src(f32({batch, g.c, g.h, g.w}, Tag::nhwc)),
        dst(f32({batch, outs(b), g.out_h, g.out_w}, Tag::nhwc)),
        bias(b.biased() ? f32({outs(b)}, Tag::x) : memory::desc()),
        strides{g.stride_h, g.stride_w},
        before{g.top, g.left},
        after{g.bottom, g.right} {
    // Keras's kernels: (h, w, in, out), and (h, w, in, multiplier) with a group a channel.
    const memory::dims whole{outs(b), g.c, g.kernel_h, g.kernel_w};
    const memory::dims grouped{groups, outs(b) / groups, g.c / groups, g.kernel_h, g.kernel_w};
    kernel = groups == 1 ? f32(whole, Tag::hwio) : f32(grouped, Tag::hwigo);
    any = f32(groups == 1 ? whole : grouped, Tag::any);
  }

  memory::desc src, dst, bias, kernel, any;
  memory::dims strides, before, after;

 private:
  static int outs(const Binding& b) { return b.dst_shape[b.dst_shape.rank() - 1]; }
};

dnnl::convolution_forward::primitive_desc forward_description(const Descriptions& d,
                                                              const memory::desc& kernel,
                                                              const std::optional<Clip>& clip) {
  dnnl::primitive_attr attributes = with_user_scratchpad();
  if (clip) {
    dnnl::post_ops after;
    if (clip->low == 0 && std::isinf(clip->high))
      after.append_eltwise(dnnl::algorithm::eltwise_relu, 0, 0);
    else
      after.append_eltwise(dnnl::algorithm::eltwise_clip, clip->low, clip->high);
    attributes.set_post_ops(after);
  }
  return {cpu(),
          dnnl::prop_kind::forward_training,
          dnnl::algorithm::convolution_direct,
          d.src,
          kernel,
          d.bias,
          d.dst,
          d.strides,
          d.before,
          d.after,
          attributes};
}

std::size_t floats(const memory::desc& desc) { return desc.get_size() / sizeof(float) + simd::kSlack; }

class ConvolutionOneDnnStep final : public Step {
 public:
  ConvolutionOneDnnStep(std::span<const Binding> shards, const Geometry& g, int groups) {
    parts_.reserve(shards.size());  // parts look at the first
    for (const Binding& b : shards) parts_.emplace_back(b, g, groups, parts_.empty() ? nullptr : &parts_[0]);
    if (adds_up()) shards[0].packed->reserve(blocked_stride() * (shards.size() - first_block()));
  }

  // Where the step adds the kernel's gradients up: first these, then the source's. The packed kernel takes
  // the memory of the former.
  int backward_stages() const override { return adds_up() ? 2 : 1; }
  bool prepares() const override { return true; }
  void prepare_forward() override { parts_[0].pack_forward(); }
  void prepare_backward(int stage) override {
    if (stage == 1) add_kernels_up();
    if (stage + 1 == backward_stages()) parts_[0].pack_backward();
  }
  void forward(int, int shard) override { parts_[static_cast<std::size_t>(shard)].forward(); }
  void backward(int stage, int shard) override {
    Part& part = parts_[static_cast<std::size_t>(shard)];
    if (stage == 0) part.gradients(adds_up() ? blocked(static_cast<std::size_t>(shard)) : nullptr);
    if (stage + 1 == backward_stages()) part.diff_src();
  }

 private:
  class Part {
   public:
    // The layout that a primitive likes depends on its batch, and the kernel is packed once for all shards:
    // all take the layouts of the `first`.
    Part(const Binding& b, const Geometry& g, int groups, const Part* first)
        : b_(b), d_(b, g, groups, b.batch), pixels_(g.pixels()), outs_(b.dst_shape[b.dst_shape.rank() - 1]) {
      const auto pd = forward_description(d_, first ? first->forward_kernel_ : d_.any, b.clip);
      forward_kernel_ = pd.weights_desc();
      pack_forward_ = packing(forward_kernel_);
      std::unordered_map<int, memory> arguments{{DNNL_ARG_SRC, memory_at(d_.src, b.src())},
                                                {DNNL_ARG_WEIGHTS, memory_at(forward_kernel_, b.params[0])},
                                                {DNNL_ARG_DST, memory_at(d_.dst, b.dst)}};
      if (b.biased()) arguments.insert({DNNL_ARG_BIAS, memory_at(d_.bias, b.params[1])});
      forward_ = {dnnl::convolution_forward(pd), pd, std::move(arguments), b.scratch};
      if (!b.diff_dst) return;
      bind_gradient(pd, first ? first->gradient_kernel_ : d_.any);
      if (b.diff_src()) bind_diff_src(g, groups, first ? &first->backward_kernel_ : nullptr);
    }

    const Binding& binding() const { return b_; }
    void pack_forward() { pack(pack_forward_); }
    void pack_backward() { pack(pack_backward_); }

    void forward() {
      if (pack_forward_) forward_.argument(DNNL_ARG_WEIGHTS).set_data_handle(b_.packed->data());
      forward_();
    }

    // The kernel's gradient is left in oneDNN's layout at `blocked`, or unpacked to its place where that is
    // null.
    void gradients(float* blocked) {
      const bool unpacks = !blocked && unpack_gradient_;
      if (unpacks) blocked = b_.scratch->data();
      if (blocked) gradient_.argument(DNNL_ARG_DIFF_WEIGHTS).set_data_handle(blocked);
      gradient_();
      if (unpacks) unpack(blocked);
      if (b_.biased()) bias_gradient(b_, b_.batch * pixels_, outs_);
    }

    void unpack(float* blocked) {
      unpack_gradient_.argument(DNNL_ARG_FROM).set_data_handle(blocked);
      unpack_gradient_();
    }

    bool unpacks() const { return static_cast<bool>(unpack_gradient_); }
    std::size_t blocked_size() const { return gradient_kernel_.get_size() / sizeof(float); }
    bool blocked_fits() const { return gradient_kernel_.get_size() <= d_.kernel.get_size(); }  // in its place

    void diff_src() {
      if (!backward_) return;
      if (pack_backward_) backward_.argument(DNNL_ARG_WEIGHTS).set_data_handle(b_.packed->data());
      if (!b_.clip_before) return backward_();
      const auto at = [](int samples, const Shape& shape) {
        return static_cast<std::size_t>(samples) * shape.size();
      };
      const std::size_t size = at(chunk_, b_.src_shape());
      for (int s = 0; s < b_.batch; s += chunk_) {
        float* to = b_.diff_src() + at(s, b_.src_shape());
        float* diff = is_over() ? b_.scratch->data() : to;
        backward_.argument(DNNL_ARG_DIFF_DST)
            .set_data_handle(const_cast<float*>(b_.diff_dst) + at(s, b_.dst_shape));
        backward_.argument(DNNL_ARG_DIFF_SRC).set_data_handle(diff);
        backward_();
        simd::kernels().pass_between(size, b_.kept_src() + at(s, b_.src_shape()), b_.clip_before->low,
                                     b_.clip_before->passes_to(), diff, to);
      }
    }

   private:
    // The kernel's alone: oneDNN adds the bias's up in half the speed of ours.
    void bind_gradient(const dnnl::convolution_forward::primitive_desc& hint, const memory::desc& kernel) {
      const dnnl::convolution_backward_weights::primitive_desc pd(
          cpu(), dnnl::algorithm::convolution_direct, d_.src, kernel, d_.dst, d_.strides, d_.before, d_.after,
          hint, with_user_scratchpad());
      gradient_kernel_ = pd.diff_weights_desc();
      std::unordered_map<int, memory> arguments{
          {DNNL_ARG_SRC, memory_at(d_.src, b_.kept_src())},
          {DNNL_ARG_DIFF_DST, memory_at(d_.dst, b_.diff_dst)},
          {DNNL_ARG_DIFF_WEIGHTS, memory_at(gradient_kernel_, b_.gradients[0])}};
      const bool unpacks = gradient_kernel_ != d_.kernel;
      const std::size_t blocked = unpacks && !b_.adds_up ? floats(gradient_kernel_) : 0;
      gradient_ = {dnnl::convolution_backward_weights(pd), pd, std::move(arguments), b_.scratch, blocked};
      if (unpacks) unpack_gradient_ = reorder(gradient_kernel_, d_.kernel, b_.gradients[0], blocked);
    }

    void bind_diff_src(const Geometry& g, int groups, const memory::desc* kernel) {
      chunk_ = b_.clip_before ? samples_cached() : b_.batch;
      const Descriptions d(b_, g, groups, chunk_);
      const dnnl::convolution_backward_data::primitive_desc pd(
          cpu(), dnnl::algorithm::convolution_direct, d.src, kernel ? *kernel : d.any, d.dst, d.strides,
          d.before, d.after, forward_description(d, d.any, {}), with_user_scratchpad());
      backward_kernel_ = pd.weights_desc();
      pack_backward_ = packing(backward_kernel_);
      backward_ = {dnnl::convolution_backward_data(pd),
                   pd,
                   {{DNNL_ARG_DIFF_DST, memory_at(d.dst, b_.diff_dst)},
                    {DNNL_ARG_WEIGHTS, memory_at(backward_kernel_, b_.params[0])},
                    {DNNL_ARG_DIFF_SRC, memory_at(d.src, b_.diff_src())}},
                   b_.scratch,
                   is_over() ? floats(d.src) : 0};
    }

    // As many samples as divide the shard's and stay in the cache, from oneDNN's kernel to the clip's.
    int samples_cached() const {
      constexpr std::size_t kCached = 1 << 17;  // floats
      int samples = b_.batch;
      while (samples > 1 &&
             (b_.batch % samples != 0 || static_cast<std::size_t>(samples) * b_.src_shape().size() > kCached))
        --samples;
      return samples;
    }

    bool is_over() const { return b_.diff_src() == b_.kept_src(); }  // the gradient takes the source's memory

    // The scratchpad begins `offset` floats behind the scratch memory's beginning.
    Primitive reorder(const memory::desc& from, const memory::desc& to, const float* dst,
                      std::size_t offset) const {
      const dnnl::reorder::primitive_desc pd(cpu(), from, cpu(), to, with_user_scratchpad());
      return {dnnl::reorder(pd),
              pd,
              {{DNNL_ARG_FROM, memory_at(from, b_.params[0])}, {DNNL_ARG_TO, memory_at(to, dst)}},
              b_.scratch,
              offset};
    }

    // Brings the kernel into the layout wanted; nothing where it has that.
    Primitive packing(const memory::desc& wanted) const {
      if (wanted == d_.kernel) return {};
      b_.packed->reserve(floats(wanted));
      return reorder(d_.kernel, wanted, b_.params[0], 0);
    }

    void pack(Primitive& packing) {
      if (!packing) return;
      packing.argument(DNNL_ARG_TO).set_data_handle(b_.packed->data());
      packing();
    }

    Binding b_;
    Descriptions d_;
    int pixels_, outs_;
    int chunk_ = 0;  // samples whose source's gradient is computed at a time
    memory::desc forward_kernel_, gradient_kernel_, backward_kernel_;
    Primitive forward_, gradient_, backward_;
    Primitive pack_forward_, pack_backward_, unpack_gradient_;  // unset where the layouts are the same
  };

  const Binding& binding() const { return parts_[0].binding(); }
  bool adds_up() const { return binding().adds_up; }

  // The first shard's gradient of the kernel lies in the place of the sum where that has room in oneDNN's
  // layout; the others lie side by side. There are two shards at least.
  std::size_t first_block() const { return !parts_[0].unpacks() || parts_[0].blocked_fits() ? 1 : 0; }
  std::size_t blocked_stride() const { return parts_[0].blocked_size() + simd::kSlack; }  // floats
  float* blocked(std::size_t shard) const {
    if (shard < first_block()) return binding().gradients[0];
    return binding().packed->data() + (shard - first_block()) * blocked_stride();
  }

  // Of two shards either order of a sum gives the same bits; of more, each is added to the sum of those
  // before.
  void add_kernels_up() {
    const std::size_t first = parts_[0].unpacks() ? first_block() : 0;
    float* sum = blocked(first);
    const simd::Kernels& kernels = simd::kernels();
    in_pieces(parts_[0].blocked_size(), [&](std::size_t at, std::size_t count) {
      for (std::size_t shard = 0; shard < parts_.size(); ++shard)
        if (shard != first) kernels.add(count, sum + at, blocked(shard) + at, sum + at);
    });
    if (parts_[0].unpacks()) parts_[0].unpack(sum);
  }

  std::vector<Part> parts_;
};

}  // namespace

std::unique_ptr<Step> bind_convolution_onednn(std::span<const Binding> shards, const Geometry& g,
                                              int groups) {
  return std::make_unique<ConvolutionOneDnnStep>(shards, g, groups);
}

}  // namespace qkd::nn
