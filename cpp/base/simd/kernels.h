// The engine's own vector kernels. The same source (kernels.inc) is compiled once for each x86-64 level and
// the best one that this processor has is chosen when the library is loaded.
//
// Every sum runs in one fixed order with fused multiply-adds, whatever the vector width, so that v3 (AVX2)
// and v4 (AVX-512) give the same bits. Matrices are row-major; `ld` is the distance between rows.
#pragma once
#include <cstddef>
#include <cstdint>

namespace qkd::simd {

// A fake quantiser in float32: y = clip(round(x / step), low, high) * step, whose code is then taken to the
// nearest of at most `digits` signed digits where that is not 0.
enum class FakeRounding { half_up, half_even, floor };
struct FakeQuantizer {
  float step, inverse_step, low, high;  // low and high are values, multiples of step
  FakeRounding rounding;
  int digits = 0;
};

struct AdamStep {
  float rate;  // learning rate with the bias corrections of the moments inside
  float beta1, beta2, epsilon;
  float decay;      // decoupled weight decay times learning rate
  float low, high;  // the latent value is kept in this range
};

// What one batch's loss is made of; see train/loss.h for the formulas. Sums are means over the rows.
struct SoftmaxLoss {
  int rows, classes;
  const float* logits;         // (rows, classes)
  const std::int32_t* labels;  // (rows,)
  const float* class_weights;  // (classes,), or null where all weigh one
  float smoothing;             // of the labels, towards 1 / classes
  const float* teacher;        // (rows, classes) tempered probabilities, or null
  const float* entropy;        // (rows,) sum p log p of the teacher's
  float alpha, temperature;
  float* scratch;  // 3 * kLossLanes * classes
  float* diff;     // (rows, classes) d (mean loss) / d logits, or null
};
inline constexpr int kLossLanes = 16;
inline constexpr std::size_t kSlack = 16;
inline constexpr std::size_t kNear = 2048;  // floats that stay in the nearest cache from one loop to the next

inline constexpr int kSmallWinners = 256;  // a tap of a window of so many is told in one byte, else in two

// An image (h, w, c) and the windows over it, one for each pixel of dst (out_h, out_w, c).
struct Windows {
  int h, w, c, kernel_h, kernel_w, stride_h, stride_w, top, left, out_h, out_w;
};

// y = clip(x * slope + offset, low, high), slope and offset per column.
struct ClippedLine {
  const float *slope, *offset;
  float low, high;
};

// A convolution of one image whose border of zeros lies in memory, so that no tap is outside: the window of
// dst's pixel (y, x) is kernel_h runs of `run` = kernel_w c numbers, src_row apart, the first of them at
// y step_y + x step_x. kSlack floats behind every argument may be read.
struct Convolution {
  int out_h, out_w, outs;  // dst
  int kernel_h, run;       // the kernel is (kernel_h, run, outs), or (kernel_h, run) of a depthwise one
  std::ptrdiff_t src_row, step_y, step_x;
};

struct Kernels {
  const char* level;

  // c (m, n) = a (m, k) * b (k, n) + bias (n); a's element (i, p) is a[i * row + p * column]. bias may be
  // null.
  void (*gemm)(int m, int n, int k, const float* a, std::ptrdiff_t row, std::ptrdiff_t column, const float* b,
               std::ptrdiff_t ldb, const float* bias, float* c, std::ptrdiff_t ldc);
  // The same, added to c; bias is not used.
  void (*gemm_add)(int m, int n, int k, const float* a, std::ptrdiff_t row, std::ptrdiff_t column,
                   const float* b, std::ptrdiff_t ldb, const float* bias, float* c, std::ptrdiff_t ldc);
  // dst = clip(convolution + bias, low, high); bias may be null.
  void (*convolve)(const Convolution& p, const float* src, const float* kernel, const float* bias, float low,
                   float high, float* dst);
  // gradient (as the kernel) += the kernel's, given diff = d loss / d dst.
  void (*convolve_gradient)(const Convolution& p, const float* src, const float* diff, float* gradient);
  // The same with every channel by itself.
  void (*depthwise)(const Convolution& p, const float* src, const float* kernel, const float* bias, float low,
                    float high, float* dst);
  void (*depthwise_gradient)(const Convolution& p, const float* src, const float* diff, float* gradient);
  // The largest of every window, channel by channel, and the tap that had it, a byte each or two
  // (kSmallWinners); winners may be null. Back, src is what its winners got.
  void (*max_pool)(const Windows& p, const float* src, float* dst, void* winners);
  void (*max_pool_diff)(const Windows& p, const float* dst, const void* winners, float* src);
  // The mean of every window's pixels that exist, and back.
  void (*average_pool)(const Windows& p, const float* src, float* dst);
  void (*average_pool_diff)(const Windows& p, const float* dst, float* src);
  // dst (n, columns) = rows[0 .. n-1] of src.
  void (*gather)(int n, const std::uint32_t* rows, int columns, const float* src, float* dst);
  void (*transpose)(int rows, int columns, const float* src, float* dst);
  void (*column_sums)(int rows, int columns, const float* src, float* dst);

  // dst = quantised src, times mask where there is one.
  void (*quantize)(std::size_t n, const float* src, const float* mask, const FakeQuantizer& q, float* dst);
  void (*multiply)(std::size_t n, const float* a, const float* b, float* dst);
  void (*add)(std::size_t n, const float* a, const float* b, float* dst);
  void (*clip)(std::size_t n, const float* src, float low, float high, float* dst);
  // dst = f(src) and diff_src = f'(src) * diff_dst; kinds and their numbers as in nn/activation.h. The
  // derivative is zero where f(src) is not in (low, high].
  void (*activation)(std::size_t n, const float* src, int kind, float slope, float offset, float low,
                     float high, float* dst);
  void (*activation_diff)(std::size_t n, const float* src, int kind, float slope, float offset, float low,
                          float high, const float* diff_dst, float* diff_src);

  // Per column of (rows, columns): sums (2, columns) of src - shift and of its square.
  void (*moments)(int rows, int columns, const float* src, const float* shift, double* sums);
  // sums (2, columns) of diff and of diff * (src - mean). diff counts as zero where `line` with the clip's
  // numbers would have clipped src; clip may be null.
  void (*centred_sums)(int rows, int columns, const float* src, const float* diff, const float* mean,
                       const ClippedLine* clip, double* sums);
  // dst = clip(src * slope + offset, low, high), slope and offset per column.
  void (*line)(int rows, int columns, const float* src, const float* slope, const float* offset, float low,
               float high, float* dst);
  // dst = a * slope_a + b * slope_b + offset, per column; dst may be a. a counts as zero where `line` with
  // the clip's numbers would have clipped b; clip may be null.
  void (*two_lines)(int rows, int columns, const float* a, const float* slope_a, const float* b,
                    const float* slope_b, const float* offset, const ClippedLine* clip, float* dst);
  // dst = src * scale + offset, both per column.
  void (*rescale)(int rows, int columns, const float* src, const float* scale, const float* offset,
                  float* dst);
  // diff_src = diff_dst where low < src <= high, else 0: the straight-through gradient of relu and
  // quantisers. diff_src may be diff_dst.
  void (*pass_between)(std::size_t n, const float* src, float low, float high, const float* diff_dst,
                       float* diff_src);

  // mask may be null; it multiplies the gradient, and the value: old momentum must not move a pruned weight.
  void (*adam)(std::size_t n, float* value, const float* gradient, const float* mask, float* m, float* v,
               const AdamStep& step);
  // velocity = momentum * velocity + gradient; value -= rate * (nesterov ? gradient + momentum * velocity :
  // velocity)
  void (*sgd)(std::size_t n, float* value, const float* gradient, const float* mask, float* velocity,
              float rate, float momentum, bool nesterov, float low, float high);

  // p (rows, columns) = softmax(scale * x); log_sum (rows) = log sum exp(scale * x).
  void (*softmax)(int rows, int columns, const float* x, float scale, float* p, float* log_sum);
  // loss (rows,) and whether the label has the largest logit (rows,); the gradient where it is wanted.
  void (*softmax_loss)(const SoftmaxLoss& l, float* loss, std::int32_t* correct);

  // Philox4x32-10 at the counters first .. first + n - 1: dst (n, 4).
  void (*philox)(std::uint64_t key, std::uint64_t first, std::uint32_t purpose, int n, std::uint32_t* dst);

  // Integer dense layer on samples side by side: dst (n_out, 16) = sum_i w(i, o) * src (n_in, 16) + bias(o).
  // Zero weights are skipped. Sums must fit 32 bits.
  void (*dense_i32)(int n_in, int n_out, const std::int32_t* w, const std::int32_t* bias,
                    const std::int32_t* src, std::int32_t* dst);
  // The same on 64-bit codes by way of doubles, zero weights too: exact where every partial sum is within
  // +-2^53.
  void (*dense_i64)(int n_in, int n_out, const double* w, const double* bias, const std::int64_t* src,
                    std::int64_t* dst);
  // dst = clip((src + half) >> shift, low, high), shift >= 0: half-up rounding, or truncation when half is 0.
  void (*shift_clip_i32)(std::size_t n, const std::int32_t* src, int shift, std::int32_t half,
                         std::int32_t low, std::int32_t high, std::int32_t* dst);
};

inline constexpr int kEmulatorLanes = 16;

// The kernels for this processor. QKDFLOW_SIMD=v2|v3|v4 in the environment asks for a lower level.
const Kernels& kernels();

}  // namespace qkd::simd
