// Convolution by our own kernels, for few channels. One sample at a time, inside a frame of zeros that stays
// in the cache.
#include <algorithm>
#include <limits>
#include <numeric>

#include "nn/convolution.h"
#include "nn/frame.h"

namespace qkd::nn {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::size_t size(int a, int b) { return static_cast<std::size_t>(a) * static_cast<std::size_t>(b); }

class ConvolutionPart {
 public:
  ConvolutionPart(const Binding& b, const Geometry& g)
      : b_(b),
        g_(g),
        outs_(b.dst_shape[b.dst_shape.rank() - 1]),
        source_(Frame::source(g)),
        gradient_(Frame::gradient(g, outs_)),
        forward_(source_.windows(g.kernel_h, g.kernel_w, g.out_h, g.out_w, outs_, g.stride_h, g.stride_w)),
        backward_(gradient_.windows(g.kernel_h, g.kernel_w, g.h, g.w, g.c, 1, 1)) {
    b.scratch->reserve(source_.size() + simd::kSlack);
    if (b.diff_src()) b.scratch->reserve(gradient_.size() + size(g.taps() * g.c, outs_) + simd::kSlack);
  }

  void forward() { convolve(b_.src(), b_.dst); }
  void recompute() { convolve(b_.kept_src(), b_.again); }

  void backward() {
    if (b_.biased()) bias_gradient(b_, b_.batch * g_.pixels(), outs_);
    std::fill_n(b_.gradients[0], size(g_.taps() * g_.c, outs_), 0.0f);
    source_.each(b_.batch, b_.kept_src(), b_.scratch->data(), [&](const float* src, int s) {
      k_.convolve_gradient(forward_, src, b_.diff_dst + dst(s), b_.gradients[0]);
    });
    if (!b_.diff_src()) return;
    float* kernel = b_.scratch->data() + gradient_.size();
    turn(kernel);
    gradient_.each(b_.batch, b_.diff_dst, b_.scratch->data(), [&](const float* diff, int s) {
      k_.convolve(backward_, diff, kernel, nullptr, -kInfinity, kInfinity,
                  b_.diff_src() + static_cast<std::size_t>(s) * source_.image());
    });
  }

 private:
  std::size_t dst(int sample) const { return static_cast<std::size_t>(sample) * gradient_.image(); }

  void convolve(const float* images, float* results) {
    const float* bias = b_.biased() ? b_.params[1] : nullptr;
    const Clip clip = b_.clip.value_or(Clip{-kInfinity, kInfinity});
    source_.each(b_.batch, images, b_.scratch->data(), [&](const float* src, int s) {
      k_.convolve(forward_, src, b_.params[0], bias, clip.low, clip.high, results + dst(s));
    });
  }

  // (ky, kx, i, o) -> (last - ky, last - kx, o, i)
  void turn(float* turned) const {
    for (int tap = g_.taps() - 1; tap >= 0; --tap, turned += size(g_.c, outs_))
      k_.transpose(g_.c, outs_, b_.params[0] + size(tap, g_.c * outs_), turned);
  }

  const simd::Kernels& k_ = simd::kernels();
  Binding b_;
  Geometry g_;
  int outs_;
  Frame source_, gradient_;
  simd::Convolution forward_, backward_;
};

// Every channel with itself alone. With a multiplier m the frame holds each of the source's channels m times.
class DepthwisePart {
 public:
  DepthwisePart(const Binding& b, const Geometry& g, int multiplier)
      : b_(b),
        g_(g),
        multiplier_(multiplier),
        outs_(g.c * multiplier),
        source_(Frame::source(g, multiplier)),
        gradient_(Frame::gradient(g, outs_)),
        forward_(source_.windows(g.kernel_h, g.kernel_w, g.out_h, g.out_w, outs_, g.stride_h, g.stride_w)),
        backward_(gradient_.windows(g.kernel_h, g.kernel_w, g.h, g.w, outs_, 1, 1)) {
    b.scratch->reserve(source_.size() + simd::kSlack);
    if (!b.diff_src()) return;
    const std::size_t copies = multiplier_ > 1 ? size(g.h * g.w, outs_) : 0;
    b.scratch->reserve(gradient_.size() + size(g.taps(), outs_) + copies + simd::kSlack);
  }

  void forward() {
    const float* bias = b_.biased() ? b_.params[1] : nullptr;
    const Clip clip = b_.clip.value_or(Clip{-kInfinity, kInfinity});
    source_.each(b_.batch, b_.src(), b_.scratch->data(), [&](const float* src, int s) {
      k_.depthwise(forward_, src, b_.params[0], bias, clip.low, clip.high, b_.dst + dst(s));
    });
  }

  void backward() {
    if (b_.biased()) bias_gradient(b_, b_.batch * g_.pixels(), outs_);
    std::fill_n(b_.gradients[0], size(g_.taps(), outs_), 0.0f);
    source_.each(b_.batch, b_.kept_src(), b_.scratch->data(), [&](const float* src, int s) {
      k_.depthwise_gradient(forward_, src, b_.diff_dst + dst(s), b_.gradients[0]);
    });
    if (!b_.diff_src()) return;
    float* kernel = b_.scratch->data() + gradient_.size();
    float* copies = kernel + size(g_.taps(), outs_);
    for (int tap = 0; tap < g_.taps(); ++tap)
      std::copy_n(b_.params[0] + size(g_.taps() - 1 - tap, outs_), outs_, kernel + size(tap, outs_));
    gradient_.each(b_.batch, b_.diff_dst, b_.scratch->data(), [&](const float* diff, int s) {
      float* diff_src = b_.diff_src() + static_cast<std::size_t>(s) * source_.image();
      k_.depthwise(backward_, diff, kernel, nullptr, -kInfinity, kInfinity,
                   multiplier_ > 1 ? copies : diff_src);
      if (multiplier_ > 1) add_copies(copies, diff_src);
    });
  }

 private:
  std::size_t dst(int sample) const { return static_cast<std::size_t>(sample) * gradient_.image(); }
  void add_copies(const float* copies, float* diff_src) const {
    for (std::size_t i = 0; i < source_.image(); ++i, copies += multiplier_)
      diff_src[i] = std::accumulate(copies, copies + multiplier_, 0.0f);
  }

  const simd::Kernels& k_ = simd::kernels();
  Binding b_;
  Geometry g_;
  int multiplier_, outs_;
  Frame source_, gradient_;
  simd::Convolution forward_, backward_;
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
