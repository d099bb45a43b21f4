#include "nn/pooling.h"

#include <algorithm>
#include <limits>

#include "base/buffer.h"
#include "base/check.h"

namespace qkd::nn {
namespace {

std::size_t at(int i) { return static_cast<std::size_t>(i); }

// Calls body(index of the source pixel) for the pixels of window (y, x) that exist.
template <typename Body>
void each_pixel(const Geometry& g, int y, int x, const Body& body) {
  for (int ky = 0; ky < g.kernel_h; ++ky)
    for (int kx = 0; kx < g.kernel_w; ++kx) {
      const int row = g.row(y, ky), column = g.column(x, kx);
      if (g.inside(row, column)) body(at(row * g.w + column));
    }
}

int pixels_inside(const Geometry& g, int y, int x) {
  int n = 0;
  each_pixel(g, y, x, [&](std::size_t) { ++n; });
  return n;
}

class PoolingPart {
 public:
  PoolingPart(const Binding& b, const Geometry& g, Pooling::Kind kind)
      : b_(b), g_(g), average_(kind == Pooling::Kind::average), c_(at(g.c)), src_size_(b.src_shape().size()) {
    if (g.taps() > simd::kSmallWinners) winner_ = 2;
    if (b.training && !average_) winners_ = Buffer<std::uint8_t>(first(b.batch) * winner_);
  }

  void forward() {
    for (int s = 0; s < b_.batch; ++s) {
      const float* src = b_.src() + at(s) * src_size_;
      if (average_)
        k_.average_pool(g_, src, b_.dst + first(s));
      else
        k_.max_pool(g_, src, b_.dst + first(s), winners(s));
    }
  }

  void backward() {
    if (!b_.diff_src()) return;
    if (b_.clip_before) stop_clipped();
    for (int s = 0; s < b_.batch; ++s) {
      float* diff_src = b_.diff_src() + at(s) * src_size_;
      if (average_)
        k_.average_pool_diff(g_, b_.diff_dst + first(s), diff_src);
      else
        k_.max_pool_diff(g_, b_.diff_dst + first(s), winners(s), diff_src);
    }
  }

  std::size_t own_bytes() const { return winners_.size(); }

 private:
  // What the clip stopped is the maximum of its window, or nothing of it passes in any case. Nobody reads the
  // gradient of dst after this step.
  void stop_clipped() {
    float* diff = const_cast<float*>(b_.diff_dst);
    k_.pass_between(at(b_.batch) * at(g_.pixels()) * c_, b_.kept_dst, b_.clip_before->low,
                    b_.clip_before->passes_to(), diff, diff);
  }

  std::uint8_t* winners(int sample) {
    return winners_.size() == 0 ? nullptr : winners_.data() + first(sample) * winner_;
  }
  std::size_t first(int sample) const { return at(sample) * at(g_.pixels()) * c_; }

  const simd::Kernels& k_ = simd::kernels();
  Binding b_;
  Geometry g_;
  bool average_;
  std::size_t c_, src_size_;
  std::size_t winner_ = 1;  // bytes that tell the tap that had the maximum
  Buffer<std::uint8_t> winners_;
};

}  // namespace

Geometry Pooling::windows(const Shape& src) const {
  Window w = options_.window;
  if (options_.global && src.rank() >= 2) {
    w.kernel_h = w.stride_h = src.rank() == 3 ? src[0] : 1;
    w.kernel_w = w.stride_w = src[src.rank() - 2];
  }
  const Geometry g = geometry(name(), src, w);
  // A training step remembers which tap had the maximum in 16 bits.
  require(options_.kind == Kind::average || g.taps() <= 1 << 16, name(),
          "a maximum must be of at most 65,536 pixels; got ", g.taps());
  return g;
}

Shape Pooling::infer(const Shapes& srcs) const {
  const Geometry g = windows(only(srcs));
  if (options_.global && !options_.keepdims) return {g.c};
  return window_shape(srcs[0], g, g.c);
}

std::unique_ptr<Step> Pooling::bind(std::span<const Binding> shards) const {
  return std::make_unique<Shards<PoolingPart>>(shards, windows(shards[0].src_shape()), options_.kind);
}

void Pooling::evaluate(const Evaluation& e) const {
  const Geometry g = windows(e.shape());
  const std::size_t channels = at(g.c), size = e.shape().size();
  std::size_t pixel = 0;
  for (std::size_t b = 0; b < e.samples(); ++b)
    for (int y = 0; y < g.out_h; ++y)
      for (int x = 0; x < g.out_w; ++x, ++pixel)
        for (std::size_t c = 0; c < channels; ++c) {
          double sum = 0, most = -std::numeric_limits<double>::infinity();
          each_pixel(g, y, x, [&](std::size_t source) {
            const double value = e.src()[b * size + source * channels + c];
            sum += value;
            most = std::max(most, value);
          });
          e.dst[pixel * channels + c] =
              options_.kind == Kind::max ? most : sum / static_cast<double>(pixels_inside(g, y, x));
        }
}

}  // namespace qkd::nn
