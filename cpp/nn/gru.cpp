#include "nn/gru.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "nn/activation.h"
#include "quant/fake_quantizer.h"

namespace qkd::nn {
namespace {

std::size_t at(int i) { return static_cast<std::size_t>(i); }

// Numbers are laid out step by step: h (steps + 1, batch, units), gates (steps, batch, 3 units).
class GruPart {
 public:
  GruPart(const Binding& b, int units, bool sequences, std::optional<simd::FakeQuantizer> state)
      : b_(b),
        steps_(b.src_shape()[0]),
        n_(b.src_shape()[1]),
        u_(units),
        sequences_(sequences),
        quantizer_(state),
        state_(at(b.batch * units)),
        h_(state_ * at(steps_ + 1)),
        input_(3 * state_ * at(steps_)),
        inner_(input_.size()),
        gates_(input_.size()) {
    if (b.diff_dst) {
      diff_input_.resize(input_.size());
      diff_inner_.resize(3 * state_);
      diff_h_.resize(2 * state_);
      b_.scratch->reserve(3 * at(u_) * at(std::max(u_, n_)));
    }
  }

  void forward() {
    const float* bias = b_.params.size() > 2 ? b_.params[2] : nullptr;
    k_.gemm(b_.batch * steps_, 3 * u_, n_, b_.src(), n_, 1, b_.params[0], 3 * u_, bias, input_.data(),
            3 * u_);
    std::fill_n(h_.begin(), state_, 0.0f);
    for (int t = 0; t < steps_; ++t) {
      const float* h = &h_[at(t) * state_];
      float* inner = &inner_[at(t) * 3 * state_];
      k_.gemm(b_.batch, 3 * u_, u_, h, u_, 1, b_.params[1], 3 * u_, bias ? bias + 3 * u_ : nullptr, inner,
              3 * u_);
      for (int s = 0; s < b_.batch; ++s) cell(t, s);
    }
    write();
  }

  void backward() {
    std::fill(diff_h_.begin(), diff_h_.end(), 0.0f);
    std::fill_n(b_.gradients[1], at(u_ * 3 * u_), 0.0f);
    if (b_.params.size() > 2) std::fill_n(b_.gradients[2], at(6 * u_), 0.0f);
    float *diff = diff_h_.data(), *before = diff + state_;
    float* transposed = b_.scratch->data();
    k_.transpose(u_, 3 * u_, b_.params[1], transposed);
    for (int t = steps_ - 1; t >= 0; --t) {
      for (int s = 0; s < b_.batch; ++s) read(t, s, diff + s * u_);
      for (int s = 0; s < b_.batch; ++s) cell_backward(t, s, diff + s * u_, before + s * u_);
      const float* h = &h_[at(t) * state_];
      k_.gemm_add(u_, 3 * u_, b_.batch, h, 1, u_, diff_inner_.data(), 3 * u_, nullptr, b_.gradients[1],
                  3 * u_);
      if (b_.params.size() > 2)
        for (int s = 0; s < b_.batch; ++s)
          k_.add(at(3 * u_), b_.gradients[2] + 3 * u_, &diff_inner_[at(s * 3 * u_)],
                 b_.gradients[2] + 3 * u_);
      k_.gemm_add(b_.batch, u_, 3 * u_, diff_inner_.data(), 3 * u_, 1, transposed, u_, nullptr, before, u_);
      std::swap(diff, before);
    }
    const int rows = b_.batch * steps_;
    k_.gemm(n_, 3 * u_, rows, b_.kept_src(), 1, n_, diff_input_.data(), 3 * u_, nullptr, b_.gradients[0],
            3 * u_);
    if (b_.params.size() > 2) k_.column_sums(rows, 3 * u_, diff_input_.data(), b_.gradients[2]);
    if (!b_.diff_src()) return;
    k_.transpose(n_, 3 * u_, b_.params[0], transposed);
    k_.gemm(rows, n_, 3 * u_, diff_input_.data(), 3 * u_, 1, transposed, n_, nullptr, b_.diff_src(), n_);
  }

  std::size_t own_bytes() const {
    std::size_t floats = 0;
    for (const auto* v : {&h_, &input_, &inner_, &gates_, &diff_input_, &diff_inner_, &diff_h_})
      floats += v->size();
    return floats * sizeof(float);
  }

 private:
  // Samples lie one after the other in the source, steps in the state.
  std::size_t in_source(int t, int s) const { return at(s * steps_ + t); }

  void cell(int t, int s) {
    const float* x = &input_[in_source(t, s) * at(3 * u_)];
    const float* inner = &inner_[at(t) * 3 * state_ + at(s * 3 * u_)];
    float* gates = &gates_[at(t) * 3 * state_ + at(s * 3 * u_)];
    const float* h = &h_[at(t) * state_ + at(s * u_)];
    float* next = &h_[at(t + 1) * state_ + at(s * u_)];
    k_.add(at(2 * u_), x, inner, gates);
    apply(Function::Kind::sigmoid, 2 * u_, gates);
    for (int i = 0; i < u_; ++i) gates[2 * u_ + i] = x[2 * u_ + i] + gates[u_ + i] * inner[2 * u_ + i];
    apply(Function::Kind::tanh, u_, gates + 2 * u_);
    for (int i = 0; i < u_; ++i) next[i] = gates[i] * h[i] + (1 - gates[i]) * gates[2 * u_ + i];
    if (quantizer_) k_.quantize(at(u_), next, nullptr, *quantizer_, next);
  }

  void cell_backward(int t, int s, const float* diff, float* before) {
    const float* inner = &inner_[at(t) * 3 * state_ + at(s * 3 * u_)];
    const float* gates = &gates_[at(t) * 3 * state_ + at(s * 3 * u_)];
    const float* h = &h_[at(t) * state_ + at(s * u_)];
    float* to_input = &diff_input_[in_source(t, s) * at(3 * u_)];
    float* to_inner = &diff_inner_[at(s * 3 * u_)];
    for (int i = 0; i < u_; ++i) {
      const float z = gates[i], r = gates[u_ + i], g = gates[2 * u_ + i];
      const float dg = diff[i] * (1 - z) * (1 - g * g);
      const float dz = diff[i] * (h[i] - g) * z * (1 - z);
      const float dr = dg * inner[2 * u_ + i] * r * (1 - r);
      before[i] = diff[i] * z;
      to_input[i] = to_inner[i] = dz;
      to_input[u_ + i] = to_inner[u_ + i] = dr;
      to_input[2 * u_ + i] = dg;
      to_inner[2 * u_ + i] = dg * r;
    }
  }

  void apply(Function::Kind kind, int n, float* x) const {
    k_.activation(at(n), x, static_cast<int>(kind), 1, 0, 0, 0, x);
  }

  void write() {
    for (int s = 0; s < b_.batch; ++s)
      for (int t = sequences_ ? 0 : steps_ - 1; t < steps_; ++t)
        std::copy_n(&h_[at(t + 1) * state_ + at(s * u_)], u_,
                    b_.dst + (sequences_ ? in_source(t, s) : at(s)) * at(u_));
  }
  void read(int t, int s, float* diff) const {
    if (!sequences_ && t != steps_ - 1) return;
    k_.add(at(u_), diff, b_.diff_dst + (sequences_ ? in_source(t, s) : at(s)) * at(u_), diff);
  }

  const simd::Kernels& k_ = simd::kernels();
  Binding b_;
  int steps_, n_, u_;
  bool sequences_;
  std::optional<simd::FakeQuantizer> quantizer_;  // of the state
  std::size_t state_;
  std::vector<float> h_, input_, inner_, gates_, diff_input_, diff_inner_, diff_h_;
};

}  // namespace

Gru::Gru(std::string name, Options options) : Layer(std::move(name)), options_(std::move(options)) {
  require(options_.units > 0, this->name(), "units must be positive; got ", options_.units);
}

Shape Gru::infer(const Shapes& srcs) const {
  const Shape& src = only(srcs);
  require(src.rank() == 2, name(), "GRU takes a series (steps, n) per sample; got ", src.text());
  return options_.return_sequences ? Shape{src[0], options_.units} : Shape{options_.units};
}

std::vector<ParamSpec> Gru::params(const Shapes& srcs) const {
  const int u = options_.units;
  std::vector<ParamSpec> specs{options_.kernel, options_.recurrent};
  specs[0].name = name() + "/kernel";
  specs[0].shape = {srcs[0][1], 3 * u};
  specs[1].name = name() + "/recurrent_kernel";
  specs[1].shape = {u, 3 * u};
  specs[0].prunable = specs[1].prunable = true;
  if (options_.use_bias) {
    specs.push_back(options_.bias);
    specs[2].name = name() + "/bias";
    specs[2].shape = {2, 3 * u};
  }
  return specs;
}

double Gru::products(const Shapes& srcs) const {
  return 3.0 * srcs[0][0] * options_.units * (srcs[0][1] + options_.units);
}

std::unique_ptr<Step> Gru::bind(std::span<const Binding> shards) const {
  std::optional<simd::FakeQuantizer> state;
  if (options_.state) state = fake_quantizer(*options_.state, name());
  return std::make_unique<Shards<GruPart>>(shards, options_.units, options_.return_sequences, state);
}

void Gru::evaluate(const Evaluation& e) const {
  const std::size_t steps = at(e.shape()[0]), n = at(e.shape()[1]), u = at(options_.units);
  const auto sum = [&](std::span<const double> weights, std::span<const double> x, std::size_t gate,
                       std::size_t row) {
    double total = options_.use_bias ? e.params[2][row * 3 * u + gate] : 0.0;
    for (std::size_t i = 0; i < x.size(); ++i) total += x[i] * weights[i * 3 * u + gate];
    return total;
  };
  const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  for (std::size_t s = 0; s < e.samples(); ++s) {
    std::vector<double> h(u), next(u);
    for (std::size_t t = 0; t < steps; ++t) {
      const auto x = e.src().subspan((s * steps + t) * n, n);
      for (std::size_t i = 0; i < u; ++i) {
        const double z = sigmoid(sum(e.params[0], x, i, 0) + sum(e.params[1], h, i, 1));
        const double r = sigmoid(sum(e.params[0], x, u + i, 0) + sum(e.params[1], h, u + i, 1));
        const double g = std::tanh(sum(e.params[0], x, 2 * u + i, 0) + r * sum(e.params[1], h, 2 * u + i, 1));
        next[i] = z * h[i] + (1 - z) * g;
        if (options_.state) next[i] = options_.state->quantize(next[i]);
      }
      h.swap(next);
      if (options_.return_sequences)
        std::ranges::copy(h, e.dst.begin() + static_cast<std::ptrdiff_t>((s * steps + t) * u));
    }
    if (!options_.return_sequences) std::ranges::copy(h, e.dst.begin() + static_cast<std::ptrdiff_t>(s * u));
  }
}

}  // namespace qkd::nn
