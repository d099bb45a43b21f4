#include "nn/batch_normalization.h"

#include <cmath>

#include "base/check.h"

namespace qkd::nn {
namespace {

// Two stages: every shard sums its samples up, then every shard reads all sums and normalises its samples.
class BatchNormalizationStep final : public Step {
 public:
  BatchNormalizationStep(std::span<const Binding> shards, const BatchNormalization::Options& options)
      : shards_(shards.begin(), shards.end()), options_(options) {
    const Shape& shape = shards_[0].src_shape();
    channels_ = static_cast<std::size_t>(shape[shape.rank() - 1]);
    pixels_ = static_cast<int>(shape.size() / channels_);
    sums_.resize(shards_.size() * 2 * channels_);
    mean_.resize(channels_);
    inverse_.resize(channels_);
    lines_.resize(shards_.size() * kLines * channels_);
    if (options_.scale) gamma_ = next_++;
    if (options_.center) beta_ = next_++;
  }

  int stages() const override { return shards_[0].training ? 2 : 1; }

  void forward(int stage, int shard) override {
    const Binding& b = shards_[static_cast<std::size_t>(shard)];
    if (b.training && stage == 0) return add_up(b, shard);
    float *slope = numbers(shard, 0), *offset = numbers(shard, 1);
    for (std::size_t c = 0; c < channels_; ++c) {
      const Statistics s = b.training ? of_batch(c) : of_past(b, c);
      const double inverse = 1 / std::sqrt(s.variance + static_cast<double>(options_.epsilon));
      const double gamma = gamma_ >= 0 ? static_cast<double>(param(b, gamma_)[c]) : 1.0;
      const double beta = beta_ >= 0 ? static_cast<double>(param(b, beta_)[c]) : 0.0;
      slope[c] = static_cast<float>(gamma * inverse);
      offset[c] = static_cast<float>(beta - s.mean * gamma * inverse);
      if (!b.training || shard != 0) continue;
      mean_[c] = static_cast<float>(s.mean);
      inverse_[c] = static_cast<float>(inverse);
      follow(b.values[next()], c, s.mean);
      follow(b.values[next() + 1], c, s.variance);
    }
    normalise(b, shard, b.src(), b.dst);
  }

  void recompute(int shard) override {
    const Binding& b = shards_[static_cast<std::size_t>(shard)];
    normalise(b, shard, b.kept_src(), b.again);
  }

  // With x^ = (src - mean) / sqrt(variance + epsilon) and n numbers a channel:
  //   d src = gamma / sqrt(variance + epsilon) * (d - mean(d) - x^ mean(d x^)).
  void backward(int stage, int shard) override {
    const Binding& b = shards_[static_cast<std::size_t>(shard)];
    double* sums = &sums_[static_cast<std::size_t>(shard) * 2 * channels_];
    const simd::ClippedLine line = clipped_line(b, shard);
    if (stage == 0) {
      k_.centred_sums(b.batch * pixels_, static_cast<int>(channels_), b.kept_src(), b.diff_dst, mean_.data(),
                      b.clip ? &line : nullptr, sums);
      for (std::size_t c = 0; c < channels_; ++c) {
        if (beta_ >= 0) b.gradients[static_cast<std::size_t>(beta_)][c] = static_cast<float>(sums[c]);
        if (gamma_ >= 0)
          b.gradients[static_cast<std::size_t>(gamma_)][c] =
              static_cast<float>(sums[channels_ + c] * static_cast<double>(inverse_[c]));
      }
      return;
    }
    if (!b.diff_src()) return;
    float *of_diff = numbers(shard, 2), *of_src = numbers(shard, 3), *rest = numbers(shard, 4);
    for (std::size_t c = 0; c < channels_; ++c) {
      const auto [d, dx] = total(c);
      const double inverse = static_cast<double>(inverse_[c]), n = count(),
                   mean = static_cast<double>(mean_[c]);
      const double gamma = gamma_ >= 0 ? static_cast<double>(param(b, gamma_)[c]) : 1.0;
      const double slope = -gamma * inverse * inverse * inverse * dx / n;
      of_diff[c] = static_cast<float>(gamma * inverse);
      of_src[c] = static_cast<float>(slope);
      rest[c] = static_cast<float>(-gamma * inverse * d / n - slope * mean);
    }
    k_.two_lines(b.batch * pixels_, static_cast<int>(channels_), b.diff_dst, of_diff, b.kept_src(), of_src,
                 rest, b.clip ? &line : nullptr, b.diff_src());
  }

 private:
  struct Statistics {
    double mean, variance;
  };

  // Sums around a number of the same size as the mean, so that the variance of far-off data keeps its digits.
  void add_up(const Binding& b, int shard) {
    k_.moments(b.batch * pixels_, static_cast<int>(channels_), b.src(), shift(),
               &sums_[static_cast<std::size_t>(shard) * 2 * channels_]);
  }
  const float* shift() const { return shards_[0].src(); }  // the first pixel of the batch

  double count() const { return 1.0 * shards_[0].whole * pixels_; }
  Statistics total(std::size_t c) const {  // of both sums, in the order of the shards
    Statistics t{0, 0};
    for (std::size_t s = 0; s < shards_.size(); ++s) {
      t.mean += sums_[s * 2 * channels_ + c];
      t.variance += sums_[(s * 2 + 1) * channels_ + c];
    }
    return t;
  }
  Statistics of_batch(std::size_t c) const {
    const Statistics t = total(c);
    const double mean = t.mean / count();
    return {mean + static_cast<double>(shift()[c]), std::max(0.0, t.variance / count() - mean * mean)};
  }
  Statistics of_past(const Binding& b, std::size_t c) const {
    return {static_cast<double>(b.params[next()][c]), static_cast<double>(b.params[next() + 1][c])};
  }
  void follow(float* moving, std::size_t c, double now) const {
    const double momentum = static_cast<double>(options_.momentum);
    moving[c] = static_cast<float>(momentum * static_cast<double>(moving[c]) + (1 - momentum) * now);
  }
  const float* param(const Binding& b, int which) const { return b.params[static_cast<std::size_t>(which)]; }
  std::size_t next() const { return static_cast<std::size_t>(next_); }
  float* numbers(int shard, int which) {
    return &lines_[(static_cast<std::size_t>(shard) * kLines + static_cast<std::size_t>(which)) * channels_];
  }
  simd::ClippedLine clipped_line(const Binding& b, int shard) {  // what the last forward pass computed
    const Clip all{-std::numeric_limits<float>::infinity(), std::numeric_limits<float>::infinity()};
    const Clip clip = b.clip.value_or(all);
    return {numbers(shard, 0), numbers(shard, 1), clip.low, clip.high};
  }
  void normalise(const Binding& b, int shard, const float* src, float* dst) {
    const simd::ClippedLine l = clipped_line(b, shard);
    k_.line(b.batch * pixels_, static_cast<int>(channels_), src, l.slope, l.offset, l.low, l.high, dst);
  }

  const simd::Kernels& k_ = simd::kernels();
  std::vector<Binding> shards_;
  BatchNormalization::Options options_;
  std::size_t channels_ = 0;
  int pixels_ = 0;
  int gamma_ = -1, beta_ = -1, next_ = 0;  // places in the list of parameters; the moving ones come next
  std::vector<double> sums_;               // (shard, 2, channel)
  std::vector<float> mean_, inverse_;
  static constexpr std::size_t kLines = 5;
  std::vector<float>
      lines_;  // (shard, line, channel): slope and offset of the forward pass, three of backward
};

}  // namespace

BatchNormalization::BatchNormalization(std::string name, const Options& options)
    : Layer(std::move(name)), options_(options) {
  require(options.momentum >= 0 && options.momentum < 1, this->name(),
          "momentum must be at least 0 and below 1; got ", options.momentum);
  require(options.epsilon > 0, this->name(), "epsilon must be positive; got ", options.epsilon);
}

std::vector<ParamSpec> BatchNormalization::params(const Shapes& srcs) const {
  const Shape channels{srcs[0][srcs[0].rank() - 1]};
  const auto spec = [&](const char* what, Initializer initializer, bool trainable) {
    ParamSpec s{name() + what, channels, initializer};
    s.trainable = trainable;
    return s;
  };
  std::vector<ParamSpec> specs;
  if (options_.scale) specs.push_back(spec("/gamma", Initializer::ones, true));
  if (options_.center) specs.push_back(spec("/beta", Initializer::zeros, true));
  specs.push_back(spec("/moving_mean", Initializer::zeros, false));
  specs.push_back(spec("/moving_variance", Initializer::ones, false));
  return specs;
}

std::unique_ptr<Step> BatchNormalization::bind(std::span<const Binding> shards) const {
  return std::make_unique<BatchNormalizationStep>(shards, options_);
}

void BatchNormalization::evaluate(const Evaluation& e) const {
  const auto channels = static_cast<std::size_t>(e.shape()[e.shape().rank() - 1]);
  const std::size_t rows = e.src().size() / channels, moving = e.params.size() - 2;
  for (std::size_t c = 0; c < channels; ++c) {
    double mean = e.params[moving][c], variance = e.params[moving + 1][c];
    if (e.training) {
      mean = variance = 0;
      for (std::size_t r = 0; r < rows; ++r) mean += e.src()[r * channels + c] / static_cast<double>(rows);
      for (std::size_t r = 0; r < rows; ++r)
        variance += std::pow(e.src()[r * channels + c] - mean, 2) / static_cast<double>(rows);
    }
    const double gamma = options_.scale ? e.params[0][c] : 1.0;
    const double beta = options_.center ? e.params[options_.scale ? 1 : 0][c] : 0.0;
    const double slope = gamma / std::sqrt(variance + static_cast<double>(options_.epsilon));
    for (std::size_t r = 0; r < rows; ++r)
      e.dst[r * channels + c] = (e.src()[r * channels + c] - mean) * slope + beta;
  }
}

}  // namespace qkd::nn
