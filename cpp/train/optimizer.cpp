#include "train/optimizer.h"

#include <cmath>
#include <limits>

#include "base/check.h"
#include "base/threads.h"

namespace qkd::train {
namespace {

struct Range {
  float low, high;
};

Range range_of(const nn::Param& p) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  if (p.fractions_of) return {p.fractions_of->least, p.fractions_of->most};
  return p.quantizer ? Range{p.quantizer->low, p.quantizer->high} : Range{-kInfinity, kInfinity};
}

struct Tensor {
  float* value;
  const float *gradient, *mask;  // null: not masked
};

Tensor tensor(nn::Params& params, const nn::Param& p) {
  return {params.value(p).data(), params.gradient(p).data(), p.masked ? params.mask(p).data() : nullptr};
}

std::size_t block_size(const nn::Params& params) {
  std::size_t end = 0;
  for (const nn::Param& p : params.list()) end = p.offset + p.size;
  return end;
}

}  // namespace

class Adam final : public Optimizer {
 public:
  Adam(const nn::Params& params, const AdamOptions& options)
      : options_(options), m_(block_size(params)), v_(block_size(params)) {}

  void step(nn::Params& params, float learning_rate) override {
    power1_ *= options_.beta1;
    power2_ *= options_.beta2;
    const double correction = std::sqrt(1 - power2_) / (1 - power1_);
    simd::AdamStep s{static_cast<float>(learning_rate * correction),
                     options_.beta1,
                     options_.beta2,
                     options_.epsilon,
                     learning_rate * options_.weight_decay,
                     0,
                     0};
    for (const nn::Param& p : params.list()) {
      if (!p.spec.trainable) continue;
      const Range range = range_of(p);
      s.low = range.low;
      s.high = range.high;
      // A decay of learned bits would be a cost that no budget knows.
      s.decay = p.fractions_of ? 0 : learning_rate * options_.weight_decay;
      const Tensor t = tensor(params, p);
      float *m = m_.data() + p.offset, *v = v_.data() + p.offset;
      in_pieces(p.size, [&](std::size_t at, std::size_t count) {
        simd::kernels().adam(count, t.value + at, t.gradient + at, t.mask ? t.mask + at : nullptr, m + at,
                             v + at, s);
      });
    }
  }

 private:
  std::vector<Memory> memories() override { return {{"m", m_.span()}, {"v", v_.span()}}; }
  std::map<std::string, double*> numbers() override { return {{"power1", &power1_}, {"power2", &power2_}}; }

  AdamOptions options_;
  double power1_ = 1, power2_ = 1;  // beta1^t, beta2^t
  Buffer<float> m_, v_;
};

class Sgd final : public Optimizer {
 public:
  Sgd(const nn::Params& params, const SgdOptions& options)
      : options_(options), velocity_(block_size(params)) {}

  void step(nn::Params& params, float learning_rate) override {
    for (const nn::Param& p : params.list()) {
      if (!p.spec.trainable) continue;
      const Range range = range_of(p);
      const Tensor t = tensor(params, p);
      float* velocity = velocity_.data() + p.offset;
      in_pieces(p.size, [&](std::size_t at, std::size_t count) {
        simd::kernels().sgd(count, t.value + at, t.gradient + at, t.mask ? t.mask + at : nullptr,
                            velocity + at, learning_rate, options_.momentum, options_.nesterov, range.low,
                            range.high);
      });
    }
  }

 private:
  std::vector<Memory> memories() override { return {{"velocity", velocity_.span()}}; }

  SgdOptions options_;
  Buffer<float> velocity_;
};

Optimizer::State Optimizer::state(const nn::Params& params) const {
  State found;
  auto& self = const_cast<Optimizer&>(*this);  // memories are views that only set_state writes through
  for (const auto& [name, value] : self.numbers()) found[name] = {*value};
  for (const Memory& memory : self.memories())
    for (const nn::Param& p : params.list()) {
      if (!p.spec.trainable) continue;
      const auto own = memory.values.subspan(p.offset, p.size);
      found[memory.name + "/" + p.spec.name].assign(own.begin(), own.end());
    }
  return found;
}

void Optimizer::set_state(const nn::Params& params, const State& state) {
  for (const auto& [name, value] : numbers())
    if (const auto found = state.find(name); found != state.end()) {
      require(found->second.size() == 1, name, "must be one number; got ", found->second.size());
      *value = found->second[0];
    }
  for (const Memory& memory : memories())
    for (const nn::Param& p : params.list()) {
      const auto found = state.find(memory.name + "/" + p.spec.name);
      if (found == state.end()) continue;
      require(found->second.size() == p.size, found->first, "must have ", p.size, " numbers; got ",
              found->second.size());
      for (std::size_t i = 0; i < p.size; ++i)
        memory.values[p.offset + i] = static_cast<float>(found->second[i]);
    }
}

std::unique_ptr<Optimizer> make_adam(const nn::Params& params, const AdamOptions& options) {
  return std::make_unique<Adam>(params, options);
}

std::unique_ptr<Optimizer> make_sgd(const nn::Params& params, const SgdOptions& options) {
  return std::make_unique<Sgd>(params, options);
}

}  // namespace qkd::train
