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

struct Kernels {
  const char* level;

  // c (m, n) = a (m, k) * b (k, n) + bias (n); a's element (i, p) is a[i * row + p * column]. bias may be
  // null.
  void (*gemm)(int m, int n, int k, const float* a, std::ptrdiff_t row, std::ptrdiff_t column, const float* b,
               std::ptrdiff_t ldb, const float* bias, float* c, std::ptrdiff_t ldc);
  // dst (n, columns) = rows[0 .. n-1] of src.
  void (*gather)(int n, const std::uint32_t* rows, int columns, const float* src, float* dst);
  void (*transpose)(int rows, int columns, const float* src, float* dst);
  void (*column_sums)(int rows, int columns, const float* src, float* dst);

  // dst = quantised src, times mask where there is one.
  void (*quantize)(std::size_t n, const float* src, const float* mask, const FakeQuantizer& q, float* dst);
  void (*multiply)(std::size_t n, const float* a, const float* b, float* dst);
  void (*relu)(std::size_t n, const float* src, float* dst);
  // dst = src * scale + offset, both per column.
  void (*rescale)(int rows, int columns, const float* src, const float* scale, const float* offset,
                  float* dst);
  // diff_src = diff_dst where low < src <= high, else 0: the straight-through gradient of relu and
  // quantisers.
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

  // Integer dense layer on samples side by side: dst (n_out, 16) = sum_i w(i, o) * src (n_in, 16) + bias(o).
  // Zero weights are skipped. Sums must fit 32 bits.
  void (*dense_i32)(int n_in, int n_out, const std::int32_t* w, const std::int32_t* bias,
                    const std::int32_t* src, std::int32_t* dst);
  // dst = clip((src + half) >> shift, low, high), shift >= 0: half-up rounding, or truncation when half is 0.
  void (*shift_clip_i32)(std::size_t n, const std::int32_t* src, int shift, std::int32_t half,
                         std::int32_t low, std::int32_t high, std::int32_t* dst);
};

inline constexpr int kEmulatorLanes = 16;

// The kernels for this processor. QKDFLOW_SIMD=v2|v3|v4 in the environment asks for a lower level.
const Kernels& kernels();

}  // namespace qkd::simd
