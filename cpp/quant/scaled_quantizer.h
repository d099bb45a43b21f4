// Weight quantisers whose step follows from the weights: one scale per output channel, found anew whenever
// the weights change. Formulas: QKeras 0.9, quantizers.py.
#pragma once
#include <span>

#include "base/shape.h"

namespace qkd {

class ScaledQuantizer {
 public:
  virtual ~ScaledQuantizer() = default;
  // dst = quantised src; the last axis of `shape` counts channels.
  virtual void quantize(const Shape& shape, std::span<const float> src, std::span<float> dst) const = 0;
};

// How a channel's scale is found: a given one, or fitted to the weights ("auto"), also as a power of two
// ("auto_po2").
struct Scale {
  enum class Kind { given, fitted, fitted_po2 };
  Kind kind = Kind::given;
  float given = 1;
};

// quantized_bits(bits, integer, alpha="auto" | "auto_po2"); codes are symmetric.
class ScaledBits final : public ScaledQuantizer {
 public:
  ScaledBits(int bits, int integer, Scale scale);
  void quantize(const Shape& shape, std::span<const float> src, std::span<float> dst) const override;

 private:
  float unit_, most_;  // 2^integer; the largest code
  Scale scale_;
};

// binary(alpha): sign(x) * scale, with sign(0) = 1.
class Binary final : public ScaledQuantizer {
 public:
  explicit Binary(Scale scale) : scale_(scale) {}
  void quantize(const Shape& shape, std::span<const float> src, std::span<float> dst) const override;

 private:
  Scale scale_;
};

// ternary(alpha, threshold): sign(x) * scale where |x| reaches the threshold, else 0. Where the scale is
// fitted, the threshold is half of it, and both are found in `rounds` rounds.
class Ternary final : public ScaledQuantizer {
 public:
  Ternary(Scale scale, float threshold, int rounds) : scale_(scale), threshold_(threshold), rounds_(rounds) {}
  void quantize(const Shape& shape, std::span<const float> src, std::span<float> dst) const override;

 private:
  Scale scale_;
  float threshold_;
  int rounds_;
};

// quantized_po2: sign(x) * 2^e with sign(0) = 1 and e = log2 |x|, rounded half to even and clipped.
class PowerOfTwo final : public ScaledQuantizer {
 public:
  PowerOfTwo(int lowest, int highest);
  void quantize(const Shape& shape, std::span<const float> src, std::span<float> dst) const override;

 private:
  int lowest_, highest_;
};

}  // namespace qkd
