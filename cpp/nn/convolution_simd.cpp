// Convolution as a matrix product: each output pixel's patch of the source is a row. One sample at a time, so
// that its patches stay in the cache.
#include "nn/convolution.h"

namespace qkd::nn {
namespace {

std::size_t size(int a, int b) { return static_cast<std::size_t>(a) * static_cast<std::size_t>(b); }

class ConvolutionPart {
 public:
  ConvolutionPart(const Binding& b, const Geometry& g)
      : b_(b), g_(g), outs_(b.dst_shape[b.dst_shape.rank() - 1]), terms_(g.taps() * g.c) {
    if (!g_.is_pointwise()) scratch_ = size(g_.pixels(), terms_) + simd::kSlack;
    b_.scratch->reserve(scratch_ + (b_.diff_src() ? size(terms_, outs_) : 0));
  }

  void forward() {
    const float* bias = b_.biased() ? b_.params[1] : nullptr;
    for (int s = 0; s < b_.batch; ++s)
      k_.gemm(g_.pixels(), outs_, terms_, patches(s), terms_, 1, b_.params[0], outs_, bias, dst(b_.dst, s),
              outs_);
    if (b_.clip) k_.clip(size(b_.batch, g_.pixels() * outs_), b_.dst, b_.clip->low, b_.clip->high, b_.dst);
  }

  void backward() {
    if (b_.biased()) k_.column_sums(b_.batch * g_.pixels(), outs_, b_.diff_dst, b_.gradients[1]);
    for (int s = 0; s < b_.batch; ++s) {
      const auto gemm = s == 0 ? k_.gemm : k_.gemm_add;
      gemm(terms_, outs_, g_.pixels(), patches(s), 1, terms_, dst(b_.diff_dst, s), outs_, nullptr,
           b_.gradients[0], outs_);
    }
    if (!b_.diff_src()) return;
    float* transposed = b_.scratch->data() + scratch_;
    k_.transpose(terms_, outs_, b_.params[0], transposed);
    for (int s = 0; s < b_.batch; ++s) {
      float* diff_src = b_.diff_src() + static_cast<std::size_t>(s) * b_.src_shape().size();
      float* diff = g_.is_pointwise() ? diff_src : b_.scratch->data();
      k_.gemm(g_.pixels(), terms_, outs_, dst(b_.diff_dst, s), outs_, 1, transposed, terms_, nullptr, diff,
              terms_);
      if (!g_.is_pointwise()) k_.add_patches(g_, diff, diff_src);
    }
  }

 private:
  template <typename T>
  T* dst(T* base, int sample) const {
    return base + static_cast<std::size_t>(sample) * size(g_.pixels(), outs_);
  }
  const float* patches(int sample) {
    const float* src = b_.src() + static_cast<std::size_t>(sample) * b_.src_shape().size();
    if (g_.is_pointwise()) return src;
    k_.patches(g_, src, b_.scratch->data());
    return b_.scratch->data();
  }

  const simd::Kernels& k_ = simd::kernels();
  Binding b_;
  Geometry g_;
  int outs_, terms_;
  std::size_t scratch_ = 0;  // floats of one sample's patches
};

// Tap by tap, over all channels of a pixel.
class DepthwisePart {
 public:
  DepthwisePart(const Binding& b, const Geometry& g, int multiplier)
      : b_(b), g_(g), multiplier_(multiplier), outs_(g.c * multiplier) {}

  void forward() {
    for (int s = 0; s < b_.batch; ++s)
      for (int p = 0; p < g_.pixels(); ++p) {
        float* dst = b_.dst + pixel(s, p);
        for (int o = 0; o < outs_; ++o) dst[o] = b_.biased() ? b_.params[1][o] : 0.0f;
        each_tap(p, [&](std::size_t source, std::size_t tap) {
          const float* src = b_.src() + sample(s) + source;
          const float* kernel = b_.params[0] + tap;
          for (int c = 0, o = 0; c < g_.c; ++c)
            for (int m = 0; m < multiplier_; ++m, ++o) dst[o] += src[c] * kernel[o];
        });
      }
    if (b_.clip) k_.clip(size(b_.batch, g_.pixels() * outs_), b_.dst, b_.clip->low, b_.clip->high, b_.dst);
  }

  void backward() {
    if (b_.biased()) k_.column_sums(b_.batch * g_.pixels(), outs_, b_.diff_dst, b_.gradients[1]);
    std::fill_n(b_.gradients[0], size(g_.taps(), outs_), 0.0f);
    if (b_.diff_src()) std::fill_n(b_.diff_src(), size(b_.batch, g_.h * g_.w * g_.c), 0.0f);
    for (int s = 0; s < b_.batch; ++s)
      for (int p = 0; p < g_.pixels(); ++p) {
        const float* diff = b_.diff_dst + pixel(s, p);
        each_tap(p, [&](std::size_t source, std::size_t tap) {
          const float* src = b_.src() + sample(s) + source;
          const float* kernel = b_.params[0] + tap;
          float* gradient = b_.gradients[0] + tap;
          float* diff_src = b_.diff_src() ? b_.diff_src() + sample(s) + source : nullptr;
          for (int c = 0, o = 0; c < g_.c; ++c)
            for (int m = 0; m < multiplier_; ++m, ++o) {
              gradient[o] += src[c] * diff[o];
              if (diff_src) diff_src[c] += kernel[o] * diff[o];
            }
        });
      }
  }

 private:
  std::size_t sample(int s) const { return static_cast<std::size_t>(s) * b_.src_shape().size(); }
  std::size_t pixel(int s, int p) const {
    return (size(s, g_.pixels()) + static_cast<std::size_t>(p)) * static_cast<std::size_t>(outs_);
  }
  template <typename Body>
  void each_tap(int p, const Body& body) const {
    const int y = p / g_.out_w, x = p % g_.out_w;
    for (int ky = 0; ky < g_.kernel_h; ++ky)
      for (int kx = 0; kx < g_.kernel_w; ++kx) {
        const int row = g_.row(y, ky), column = g_.column(x, kx);
        if (g_.inside(row, column)) body(size(row * g_.w + column, g_.c), size(ky * g_.kernel_w + kx, outs_));
      }
  }

  const simd::Kernels& k_ = simd::kernels();
  Binding b_;
  Geometry g_;
  int multiplier_, outs_;
};

}  // namespace

std::unique_ptr<Step> bind_convolution_simd(std::span<const Binding> shards, const Geometry& g) {
  return std::make_unique<Shards<ConvolutionPart>>(shards, g);
}

std::unique_ptr<Step> bind_depthwise_simd(std::span<const Binding> shards, const Geometry& g,
                                          int multiplier) {
  return std::make_unique<Shards<DepthwisePart>>(shards, g, multiplier);
}

}  // namespace qkd::nn
