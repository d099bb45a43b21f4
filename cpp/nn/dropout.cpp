#include "nn/dropout.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace qkd::nn {
namespace {

// Number i of the batch is kept where its 32-bit word is at least this.
std::uint32_t threshold(double rate) { return static_cast<std::uint32_t>(std::lround(rate * 4294967295.0)); }

Key key_of(const Pass& pass, const std::string& name) { return pass.key.fold(name); }

// Nothing is remembered: the backward pass draws the forward pass's numbers again.
class DropoutPart {
 public:
  DropoutPart(const Binding& b, const std::string& name, double rate)
      : b_(b),
        name_(name),
        threshold_(threshold(rate)),
        scale_(static_cast<float>(1 / (1 - rate))),
        size_(static_cast<std::size_t>(b.batch) * b.dst_shape.size()),
        first_(static_cast<std::size_t>(b.first) * b.dst_shape.size()) {}

  void forward() {
    if (b_.training) return drop(b_.src(), b_.dst);
    if (b_.src() != b_.dst) std::copy_n(b_.src(), size_, b_.dst);
  }
  void backward() {
    if (b_.diff_src()) drop(b_.diff_dst, b_.diff_src());
  }

 private:
  void drop(const float* from, float* to) const {
    const std::uint64_t key = key_of(*b_.pass, name_).value();
    constexpr std::size_t kBlocks = 64;
    std::uint32_t words[kBlocks * 4];
    float factors[kBlocks * 4];
    const std::size_t last = first_ + size_;
    for (std::size_t block = first_ / 4; block * 4 < last; block += kBlocks) {
      k_.philox(key, block, 0, kBlocks, words);
      for (std::size_t w = 0; w < kBlocks * 4; ++w) factors[w] = words[w] >= threshold_ ? scale_ : 0.0f;
      const std::size_t begin = std::max(block * 4, first_), end = std::min((block + kBlocks) * 4, last);
      k_.multiply(end - begin, from + (begin - first_), factors + (begin - block * 4), to + (begin - first_));
    }
  }

  const simd::Kernels& k_ = simd::kernels();
  Binding b_;
  std::string name_;
  std::uint32_t threshold_;
  float scale_;
  std::size_t size_, first_;
};

}  // namespace

Dropout::Dropout(std::string name, double rate) : Layer(std::move(name)), rate_(rate) {
  require(rate >= 0 && rate < 1, this->name(), "rate must be at least 0 and below 1; got ", rate);
}

std::unique_ptr<Step> Dropout::bind(std::span<const Binding> shards) const {
  return std::make_unique<Shards<DropoutPart>>(shards, name(), rate_);
}

void Dropout::evaluate(const Evaluation& e) const {
  const Key key = key_of(e.pass, name());
  for (std::size_t i = 0; i < e.dst.size(); ++i) {
    const bool kept = !e.training || key.block(i / 4)[i % 4] >= threshold(rate_);
    e.dst[i] = kept ? e.src()[i] * (e.training ? 1 / (1 - rate_) : 1.0) : 0.0;
  }
}

}  // namespace qkd::nn
