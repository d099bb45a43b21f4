#include "nn/merge.h"

#include <algorithm>

#include "base/check.h"

namespace qkd::nn {
namespace {

class AddPart {
 public:
  explicit AddPart(const Binding& b) : b_(b), size_(static_cast<std::size_t>(b.batch) * b.dst_shape.size()) {}
  void forward() {
    for (std::size_t at = 0; at < size_; at += simd::kNear) {
      const std::size_t n = std::min(simd::kNear, size_ - at);
      float* dst = b_.dst + at;
      k_.add(n, b_.srcs[0].data + at, b_.srcs[1].data + at, dst);
      for (std::size_t k = 2; k < b_.srcs.size(); ++k) k_.add(n, dst, b_.srcs[k].data + at, dst);
      if (b_.clip) k_.clip(n, dst, b_.clip->low, b_.clip->high, dst);
    }
  }
  void backward() {
    for (const Source& s : b_.srcs)
      if (s.diff && s.diff != b_.diff_dst) std::copy_n(b_.diff_dst, size_, s.diff);
  }

 private:
  const simd::Kernels& k_ = simd::kernels();
  Binding b_;
  std::size_t size_;
};

std::size_t last(const Shape& s) { return static_cast<std::size_t>(s[s.rank() - 1]); }

class ConcatenatePart {
 public:
  explicit ConcatenatePart(const Binding& b)
      : b_(b),
        width_(last(b.dst_shape)),
        rows_(static_cast<std::size_t>(b.batch) * b.dst_shape.size() / width_) {}
  void forward() {
    each([&](const Source& s, std::size_t r, std::size_t w, std::size_t at) {
      std::copy_n(s.data + r * w, w, b_.dst + r * width_ + at);
    });
  }
  void backward() {
    each([&](const Source& s, std::size_t r, std::size_t w, std::size_t at) {
      if (s.diff) std::copy_n(b_.diff_dst + r * width_ + at, w, s.diff + r * w);
    });
  }

 private:
  template <typename Body>
  void each(const Body& body) {
    std::size_t at = 0;
    for (const Source& s : b_.srcs) {
      const std::size_t w = last(s.shape);
      for (std::size_t r = 0; r < rows_; ++r) body(s, r, w, at);
      at += w;
    }
  }

  Binding b_;
  std::size_t width_, rows_;
};

}  // namespace

Shape Add::infer(const Shapes& srcs) const {
  require(srcs.size() >= 2, name(), "Add takes two sources or more; got ", srcs.size());
  for (const Shape& s : srcs)
    require(s == srcs[0], name(), "the sources of Add must have one shape; got ", srcs[0].text(), " and ",
            s.text());
  return srcs[0];
}

std::unique_ptr<Step> Add::bind(std::span<const Binding> shards) const {
  return std::make_unique<Shards<AddPart>>(shards);
}

void Add::evaluate(const Evaluation& e) const {
  std::ranges::fill(e.dst, 0.0);
  for (const auto& src : e.srcs)
    for (std::size_t i = 0; i < e.dst.size(); ++i) e.dst[i] += src[i];
}

Shape Concatenate::infer(const Shapes& srcs) const {
  require(srcs.size() >= 2, name(), "Concatenate takes two sources or more; got ", srcs.size());
  std::vector<int> sizes = srcs[0].sizes();
  sizes.back() = 0;
  for (const Shape& s : srcs) {
    std::vector<int> same = s.sizes();
    require(!same.empty(), name(), "Concatenate needs sources with an axis");
    same.back() = sizes.back();
    require(same == sizes, name(), "the sources of Concatenate may differ in the last axis only; got ",
            srcs[0].text(), " and ", s.text());
    sizes.back() += s[s.rank() - 1];
  }
  return Shape(sizes);
}

std::unique_ptr<Step> Concatenate::bind(std::span<const Binding> shards) const {
  return std::make_unique<Shards<ConcatenatePart>>(shards);
}

void Concatenate::evaluate(const Evaluation& e) const {
  std::size_t width = 0, at = 0;
  for (const Shape& s : e.shapes) width += last(s);
  if (width == 0) return;
  for (std::size_t k = 0; k < e.srcs.size(); ++k) {
    const std::size_t w = last(e.shapes[k]);
    for (std::size_t r = 0; r < e.dst.size() / width; ++r)
      std::copy_n(e.srcs[k].begin() + static_cast<std::ptrdiff_t>(r * w), w,
                  e.dst.begin() + static_cast<std::ptrdiff_t>(r * width + at));
    at += w;
  }
}

}  // namespace qkd::nn
