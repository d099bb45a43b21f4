#include "nn/folded_batch_normalization.h"

#include <algorithm>

#include "base/check.h"
#include "nn/folding.h"

namespace qkd::nn {
namespace {

using Options = FoldedBatchNormalization::Options;
using Folding = FoldedBatchNormalization::Folding;

// Where a layer's parameters stand in its list; -1 for those that it does not have.
struct Places {
  Places(const Options& o, std::size_t count) {
    int next = static_cast<int>(count) - 1;
    steps = next--;
    moving_variance = next--;
    moving_mean = next--;
    beta = o.center ? next-- : -1;
    gamma = o.scale ? next-- : -1;
    bias = next;  // 0 is the kernel
    if (bias == 0) bias = -1;
  }
  int bias, gamma, beta, moving_mean, moving_variance, steps;
};

// Forward in training: every shard multiplies with the kernel itself and sums its results up; the folded
// numbers are made once; every shard multiplies with them. Backward the same way back.
class FoldedStep final : public Step {
 public:
  FoldedStep(std::span<const Binding> shards, const Layer& inner, const Options& options)
      : shards_(shards.begin(), shards.end()),
        options_(options),
        places_(options, shards[0].params.size()),
        training_(shards[0].training),
        kernel_spec_(inner.params({shards[0].src_shape()})[0]) {
    const Shape& dst = shards_[0].dst_shape;
    channels_ = static_cast<std::size_t>(dst[dst.rank() - 1]);
    pixels_ = dst.size() / channels_;
    kernel_ = Buffer<float>(kernel_spec_.shape.size() + simd::kSlack);
    bias_ = Buffer<float>(channels_ + simd::kSlack);
    std::vector<Binding> folded, plain;
    own_.resize(training_ ? shards_.size() : 0);
    for (std::size_t s = 0; s < shards_.size(); ++s) {
      folded.push_back(shards_[s]);
      folded.back().params = {kernel_.data(), bias_.data()};
      folded.back().values.clear();
      if (training_) bind_training(s, folded.back(), plain);
    }
    folded_ = inner.bind(folded);
    require(folded_->stages() == 1, inner.name(), "must be a layer of one stage to be folded");
    if (training_) plain_ = inner.bind(plain);
  }

  int stages() const override { return training_ ? 3 : 1; }
  bool prepares() const override { return true; }

  void prepare_forward() override {
    follows_ = training_ && follows(options_, static_cast<double>(shards_[0].values[at(places_.steps)][0]));
    if (!training_) {
      refold(nullptr);
      return folded_->prepare_forward();
    }
    shards_[0].values[at(places_.steps)][0] += 1;
    if (!follows_) return;
    shift_.resize(channels_);
    for (std::size_t c = 0; c < channels_; ++c)
      shift_[c] = shards_[0].values[at(places_.moving_mean)][c] - static_cast<float>(bias(c));
    plain_->prepare_forward();
  }

  void forward(int stage, int shard) override {
    if (!training_ || stage == 2) return folded_->forward(0, shard);
    if (stage == 0 && follows_) {
      Own& own = own_[at(shard)];
      plain_->forward(0, shard);
      own.sums.resize(2 * channels_);
      k_.moments(rows(shard), static_cast<int>(channels_), own.results.data(), shift_.data(),
                 own.sums.data());
    } else if (stage == 1 && shard == 0) {
      if (follows_) {
        const Statistics batch = of_batch();
        follow(batch);
        refold(&batch);
      } else {
        refold(nullptr);
      }
      folded_->prepare_forward();
    }
  }

  void prepare_backward(int stage) override {
    if (stage == 0) folded_->prepare_backward(0);
  }

  void backward(int stage, int shard) override {
    if (stage == 0) return folded_->backward(0, shard);
    if (stage == 1) {
      if (shard != 0) return;
      spread_gradient();
      if (follows_) plain_->prepare_backward(0);
      return;
    }
    if (follows_) through_statistics(shard);
    hand_over(shard);
  }

  std::size_t own_bytes() const override {
    std::size_t floats = kernel_.size() + bias_.size();
    for (const Own& own : own_)
      for (const auto* b : {&own.results, &own.kernel, &own.bias, &own.folded, &own.diff_src})
        floats += b->size();
    return floats * sizeof(float) + folded_->own_bytes() + (plain_ ? plain_->own_bytes() : 0);
  }

 private:
  // One shard's numbers in training.
  struct Own {
    Buffer<float> results;  // (samples, pixels, channels) of src * kernel, then their gradient
    Buffer<float> kernel, bias, folded, diff_src;  // gradients by `plain` and by `folded`
    std::vector<double> sums;
  };

  static std::size_t at(int i) { return static_cast<std::size_t>(i); }
  std::size_t floats(int samples, const Shape& shape) const {
    return at(samples) * shape.size() + simd::kSlack;
  }
  int rows(int shard) const { return shards_[at(shard)].batch * static_cast<int>(pixels_); }

  void bind_training(std::size_t s, Binding& folded, std::vector<Binding>& plain) {
    const Binding& b = shards_[s];
    Own& own = own_[s];
    own.results = Buffer<float>(floats(b.batch, b.dst_shape));
    own.kernel = Buffer<float>(kernel_spec_.shape.size() + simd::kSlack);
    own.folded = Buffer<float>(kernel_spec_.shape.size() + simd::kSlack);
    own.bias = Buffer<float>(channels_ + simd::kSlack);
    folded.gradients = {own.folded.data(), own.bias.data()};
    Binding p = b;
    p.params = {b.params[0]};
    p.values.clear();
    p.gradients = {own.kernel.data()};
    p.dst = own.results.data();
    p.diff_dst = own.results.data();
    p.clip.reset();
    if (b.diff_src()) {
      own.diff_src = Buffer<float>(floats(b.batch, b.src_shape()));
      p.srcs[0].diff = own.diff_src.data();
    }
    plain.push_back(std::move(p));
  }

  std::vector<double> param(int place, std::size_t size) const {
    if (place < 0) return {};
    const float* values = shards_[0].params[at(place)];
    return {values, values + size};
  }
  double bias(std::size_t c) const {
    return places_.bias < 0 ? 0 : static_cast<double>(shards_[0].params[1][c]);
  }

  Statistics of_batch() const {
    const double n = count();
    Statistics s;
    for (std::size_t c = 0; c < channels_; ++c) {
      double sum = 0, square = 0;  // of results - shift, in the order of the shards
      for (const Own& own : own_) {
        sum += own.sums[c];
        square += own.sums[channels_ + c];
      }
      const double mean = sum / n;
      s.mean.push_back(mean + static_cast<double>(shift_[c]) + bias(c));
      s.variance.push_back(std::max(0.0, square / n - mean * mean));
    }
    return s;
  }
  double count() const { return static_cast<double>(at(shards_[0].whole) * pixels_); }

  void follow(const Statistics& batch) {
    float* mean = shards_[0].values[at(places_.moving_mean)];
    float* variance = shards_[0].values[at(places_.moving_variance)];
    for (std::size_t c = 0; c < channels_; ++c) {
      mean[c] = static_cast<float>(followed(static_cast<double>(mean[c]), batch.mean[c], options_.momentum));
      variance[c] = static_cast<float>(
          followed(static_cast<double>(variance[c]), batch.variance[c], options_.momentum));
    }
  }

  void refold(const Statistics* batch) {
    const auto moving = [&](int place) {
      const float* v = shards_[0].values[at(place)];
      return std::vector<double>(v, v + channels_);
    };
    n_ = {param(0, kernel_spec_.shape.size()), param(places_.bias, channels_),
          param(places_.gamma, channels_), param(places_.beta, channels_)};
    f_ = fold(options_, kernel_spec_, n_, {moving(places_.moving_mean), moving(places_.moving_variance)},
              batch);
    for (std::size_t i = 0; i < f_.kernel.size(); ++i)
      kernel_.data()[i] = static_cast<float>(f_.kernel[i] * f_.correction[i % channels_]);
    for (std::size_t c = 0; c < channels_; ++c) bias_.data()[c] = static_cast<float>(f_.bias[c]);
  }

  // From the gradients of the folded numbers to those of all that they are made of.
  void spread_gradient() {
    const auto total = [&](Buffer<float> Own::* which, std::size_t size) {  // in the order of the shards
      std::vector<double> sum(size);
      for (const Own& own : own_)
        for (std::size_t i = 0; i < size; ++i) sum[i] += static_cast<double>((own.*which).data()[i]);
      return sum;
    };
    g_ = unfold(options_, f_, n_, total(&Own::folded, kernel_spec_.shape.size()),
                total(&Own::bias, channels_), follows_ ? count() : 0);
  }

  // d loss / d (src * kernel) through mean and variance, and from there to kernel and source.
  void through_statistics(int shard) {
    Own& own = own_[at(shard)];
    float* row = own.results.data();
    for (int r = 0; r < rows(shard); ++r, row += channels_)
      for (std::size_t c = 0; c < channels_; ++c)
        row[c] = row[c] * static_cast<float>(g_.slope[c]) + static_cast<float>(g_.offset[c]);
    plain_->backward(0, shard);
    const Binding& b = shards_[at(shard)];
    if (b.diff_src())
      k_.add(at(b.batch) * b.src_shape().size(), b.diff_src(), own.diff_src.data(), b.diff_src());
  }

  // The first shard carries what is known of the whole batch.
  void hand_over(int shard) {
    const Binding& b = shards_[at(shard)];
    const Own& own = own_[at(shard)];
    for (std::size_t i = 0; i < g_.kernel.size(); ++i)
      b.gradients[0][i] =
          (shard == 0 ? static_cast<float>(g_.kernel[i]) : 0.0f) + (follows_ ? own.kernel.data()[i] : 0.0f);
    const auto give = [&](int place, const std::vector<double>& values) {
      for (std::size_t c = 0; place >= 0 && c < channels_; ++c)
        b.gradients[at(place)][c] = shard == 0 ? static_cast<float>(values[c]) : 0.0f;
    };
    give(places_.bias, g_.bias);
    give(places_.gamma, g_.gamma);
    give(places_.beta, g_.beta);
  }

  const simd::Kernels& k_ = simd::kernels();
  std::vector<Binding> shards_;
  Options options_;
  Places places_;
  bool training_, follows_ = false;
  ParamSpec kernel_spec_;
  std::size_t channels_ = 0, pixels_ = 0;
  std::unique_ptr<Step> folded_, plain_;
  Buffer<float> kernel_, bias_;  // what `folded` computes with
  std::vector<Own> own_;
  Unfolded n_;
  Folded f_;
  Gradients g_;
  std::vector<float> shift_;
};

}  // namespace

FoldedBatchNormalization::Folding folding_from(const std::string& name) {
  if (name == "ema_stats_folding") return Folding::ema_stats;
  if (name == "batch_stats_folding") return Folding::batch_stats;
  throw ValueError("[folding_mode] must be ema_stats_folding or batch_stats_folding; got '" + name + "'");
}

FoldedBatchNormalization::FoldedBatchNormalization(std::shared_ptr<const Layer> inner, Options options)
    : Layer(inner ? inner->name() : throw ValueError("[layer] a layer to fold into must be given; got none")),
      inner_(std::move(inner)),
      options_(std::move(options)) {
  require(options_.momentum >= 0 && options_.momentum < 1, name(),
          "momentum must be at least 0 and below 1; got ", options_.momentum);
  require(options_.epsilon > 0, name(), "epsilon must be positive; got ", options_.epsilon);
}

std::vector<ParamSpec> FoldedBatchNormalization::params(const Shapes& srcs) const {
  std::vector<ParamSpec> specs = inner_->params(srcs);
  require(!specs.empty(), name(), "must be a layer with a kernel for a normalisation to be folded into it");
  for (ParamSpec& spec : specs) {
    spec.type.reset();
    spec.scaled.reset();
  }
  const Shape dst = infer(srcs), channels{dst[dst.rank() - 1]};
  const auto add = [&](const char* what, Initializer initializer, bool trainable, const Shape& shape) {
    specs.push_back({name() + what, shape, initializer});
    specs.back().trainable = trainable;
  };
  if (options_.scale) add("/gamma", Initializer::ones, true, channels);
  if (options_.center) add("/beta", Initializer::zeros, true, channels);
  add("/moving_mean", Initializer::zeros, false, channels);
  add("/moving_variance", Initializer::ones, false, channels);
  add("/steps", Initializer::zeros, false, {1});
  return specs;
}

std::unique_ptr<Step> FoldedBatchNormalization::bind(std::span<const Binding> shards) const {
  return std::make_unique<FoldedStep>(shards, *inner_, options_);
}

void FoldedBatchNormalization::evaluate(const Evaluation& e) const {
  const Places places(options_, e.params.size());
  const Shape dst_shape = inner_->infer(e.shapes);
  const auto channels = static_cast<std::size_t>(dst_shape[dst_shape.rank() - 1]);
  const auto of = [&](int place) {
    if (place < 0) return std::vector<double>();
    const auto param = e.params[static_cast<std::size_t>(place)];
    return std::vector<double>(param.begin(), param.end());
  };
  const std::vector<double> no_bias(channels);
  const auto multiply = [&](const std::vector<double>& kernel) {
    Evaluation inner = e;
    inner.params = {kernel, no_bias};
    inner_->evaluate(inner);
  };
  const Unfolded n{of(0), of(places.bias), of(places.gamma), of(places.beta)};
  Statistics moving{of(places.moving_mean), of(places.moving_variance)}, batch;
  const bool by_batch = e.training && follows(options_, of(places.steps)[0]);
  const std::size_t rows = e.dst.size() / channels;
  if (by_batch) {
    multiply(n.kernel);
    for (std::size_t c = 0; c < channels; ++c) {
      double mean = 0, variance = 0;
      for (std::size_t r = 0; r < rows; ++r) mean += e.dst[r * channels + c] / static_cast<double>(rows);
      for (std::size_t r = 0; r < rows; ++r) {
        const double distance = e.dst[r * channels + c] - mean;
        variance += distance * distance / static_cast<double>(rows);
      }
      batch.mean.push_back(mean + Unfolded::at(n.bias, c, 0));
      batch.variance.push_back(variance);
      moving.mean[c] = followed(moving.mean[c], batch.mean[c], options_.momentum);
      moving.variance[c] = followed(moving.variance[c], variance, options_.momentum);
    }
  }
  const Folded f = fold(options_, inner_->params(e.shapes)[0], n, moving, by_batch ? &batch : nullptr);
  multiply(f.kernel);
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < channels; ++c) {
      double& v = e.dst[r * channels + c];
      v = v * f.correction[c] + f.bias[c];
    }
}

}  // namespace qkd::nn
