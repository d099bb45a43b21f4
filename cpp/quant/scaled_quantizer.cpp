#include "quant/scaled_quantizer.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/check.h"

namespace qkd {
namespace {

constexpr float kEpsilon = 1e-7f;  // Keras's backend.epsilon()

using Kind = Scale::Kind;

float finished(const Scale& scale, float fitted) {
  return scale.kind == Kind::fitted_po2 ? std::exp2(std::nearbyint(std::log2(fitted + kEpsilon))) : fitted;
}

// The numbers of one output channel: every `channels`-th.
class Channel {
 public:
  Channel(const Shape& shape, std::size_t size, std::size_t first)
      : size_(size), first_(first), stride_(channels(shape)) {}
  static std::size_t channels(const Shape& shape) {
    return static_cast<std::size_t>(shape[shape.rank() - 1]);
  }

  template <typename Body>
  void each(const Body& body) const {
    for (std::size_t i = first_; i < size_; i += stride_) body(i);
  }

  float largest(std::span<const float> x) const {
    float most = 0;
    each([&](std::size_t i) { most = std::max(most, std::abs(x[i])); });
    return most;
  }

  // The scale that brings scale * z closest to x: mean(x z) / mean(z z).
  float fit(std::span<const float> x, std::span<const float> z) const {
    double xz = 0, zz = 0, n = 0;
    each([&](std::size_t i) {
      xz += static_cast<double>(x[i]) * static_cast<double>(z[i]);
      zz += static_cast<double>(z[i]) * static_cast<double>(z[i]);
      ++n;
    });
    return static_cast<float>(xz / n / (zz / n + static_cast<double>(kEpsilon)));
  }

 private:
  std::size_t size_, first_, stride_;
};

template <typename Body>
void each_channel(const Shape& shape, std::size_t size, const Body& body) {
  for (std::size_t c = 0; c < Channel::channels(shape); ++c) body(Channel(shape, size, c));
}

}  // namespace

ScaledBits::ScaledBits(int bits, int integer, Scale scale)
    : unit_(std::ldexp(1.0f, integer)), most_(std::ldexp(1.0f, bits - 1) - 1), scale_(scale) {
  require(bits >= 2 && bits <= 16, "quantized_bits", "with a scale per channel, bits must be 2 to 16; got ",
          bits);
}

void ScaledBits::quantize(const Shape& shape, std::span<const float> src, std::span<float> dst) const {
  constexpr int kRounds = 5;
  std::vector<float> x(src.size());
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = src[i] / unit_;
  each_channel(shape, src.size(), [&](const Channel& channel) {
    float scale = finished(scale_, channel.largest(x) / most_);
    const auto encode = [&] {
      channel.each([&](std::size_t i) {
        const float code = scale > 0 ? std::floor(std::abs(x[i]) / scale + 0.5f) : 0.0f;
        dst[i] = std::copysign(std::min(code, most_), x[i]);
      });
    };
    if (scale_.kind == Kind::fitted_po2)
      for (int round = 0; round < kRounds; ++round) {
        encode();
        scale = finished(scale_, channel.fit(x, dst));
      }
    else
      encode();
    channel.each([&](std::size_t i) { dst[i] *= scale * unit_; });
  });
}

void Binary::quantize(const Shape& shape, std::span<const float> src, std::span<float> dst) const {
  each_channel(shape, src.size(), [&](const Channel& channel) {
    channel.each([&](std::size_t i) { dst[i] = src[i] < 0 ? -1.0f : 1.0f; });
    const float scale = scale_.kind == Kind::given ? scale_.given : finished(scale_, channel.fit(src, dst));
    channel.each([&](std::size_t i) { dst[i] *= scale; });
  });
}

void Ternary::quantize(const Shape& shape, std::span<const float> src, std::span<float> dst) const {
  each_channel(shape, src.size(), [&](const Channel& channel) {
    float scale = scale_.given;
    const auto sign = [&](std::size_t i) { return std::copysign(1.0f, src[i]); };
    if (scale_.kind == Kind::given) {
      channel.each([&](std::size_t i) { dst[i] = std::abs(src[i]) >= threshold_ ? sign(i) : 0.0f; });
    } else {
      scale = finished(scale_, 2 * channel.largest(src) / 3);
      for (int round = 0; round < rounds_; ++round) {
        channel.each([&](std::size_t i) {
          const bool kept = scale > 0 && std::abs(std::nearbyint(src[i] / scale)) >= 0.5f;
          dst[i] = kept ? sign(i) : 0.0f;
        });
        scale = finished(scale_, channel.fit(src, dst));
      }
    }
    channel.each([&](std::size_t i) { dst[i] *= scale; });
  });
}

PowerOfTwo::PowerOfTwo(int lowest, int highest) : lowest_(lowest), highest_(highest) {
  require(lowest <= highest, "quantized_po2", "the lowest exponent must not be above the highest; got ",
          lowest, " and ", highest);
}

void PowerOfTwo::quantize(const Shape&, std::span<const float> src, std::span<float> dst) const {
  for (std::size_t i = 0; i < src.size(); ++i) {
    const float magnitude = std::abs(src[i]);
    const float exponent =
        magnitude < kEpsilon ? static_cast<float>(lowest_) : std::nearbyint(std::log2(magnitude));
    const float clipped = std::clamp(exponent, static_cast<float>(lowest_), static_cast<float>(highest_));
    dst[i] = (src[i] < 0 ? -1.0f : 1.0f) * std::exp2(clipped);
  }
}

}  // namespace qkd
