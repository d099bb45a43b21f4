#include "nn/zero_padding.h"

#include <algorithm>

#include "base/check.h"

namespace qkd::nn {
namespace {

std::size_t at(int i) { return static_cast<std::size_t>(i); }

struct Rows {  // of one sample: where each row of the source begins in source and result, in numbers
  explicit Rows(const Shape& src, const ZeroPadding::Zeros& z) {
    const bool series = src.rank() == 2;
    const int c = src[src.rank() - 1], w = src[src.rank() - 2];
    h = series ? 1 : src[0];
    row = at(w * c);
    padded_row = at((w + z.left + z.right) * c);
    first = at(z.top) * padded_row + at(z.left * c);
    src_size = src.size();
    dst_size = at(h + z.top + z.bottom) * padded_row;
  }
  int h;
  std::size_t row, padded_row, first, src_size, dst_size;

  template <typename Body>
  void each(std::size_t samples, const Body& body) const {
    for (std::size_t s = 0; s < samples; ++s)
      for (std::size_t y = 0; y < at(h); ++y)
        body(s * src_size + y * row, s * dst_size + first + y * padded_row);
  }
};

class ZeroPaddingPart {
 public:
  ZeroPaddingPart(const Binding& b, const ZeroPadding::Zeros& zeros) : b_(b), rows_(b.src_shape(), zeros) {}
  void forward() {
    std::fill_n(b_.dst, at(b_.batch) * rows_.dst_size, 0.0f);
    rows_.each(at(b_.batch), [&](std::size_t src, std::size_t dst) {
      std::copy_n(b_.src() + src, rows_.row, b_.dst + dst);
    });
  }
  void backward() {
    if (!b_.diff_src()) return;
    rows_.each(at(b_.batch), [&](std::size_t src, std::size_t dst) {
      std::copy_n(b_.diff_dst + dst, rows_.row, b_.diff_src() + src);
    });
  }

 private:
  Binding b_;
  Rows rows_;
};

}  // namespace

ZeroPadding::ZeroPadding(std::string name, const Zeros& zeros) : Layer(std::move(name)), zeros_(zeros) {
  require(std::min({zeros.top, zeros.bottom, zeros.left, zeros.right}) >= 0, this->name(),
          "padding must not be negative");
}

Shape ZeroPadding::infer(const Shapes& srcs) const {
  const Shape& src = only(srcs);
  require(src.rank() == 2 || src.rank() == 3, name(),
          "takes an image (height, width, channels) or a series (length, channels) per sample; got ",
          src.text());
  require(src.rank() == 3 || zeros_.top + zeros_.bottom == 0, name(),
          "a series (length, channels) has no rows to pad; got ", src.text());
  const int width = src[src.rank() - 2] + zeros_.left + zeros_.right, c = src[src.rank() - 1];
  return src.rank() == 2 ? Shape{width, c} : Shape{src[0] + zeros_.top + zeros_.bottom, width, c};
}

std::unique_ptr<Step> ZeroPadding::bind(std::span<const Binding> shards) const {
  return std::make_unique<Shards<ZeroPaddingPart>>(shards, zeros_);
}

void ZeroPadding::evaluate(const Evaluation& e) const {
  std::ranges::fill(e.dst, 0.0);
  const Rows rows(e.shape(), zeros_);
  rows.each(e.samples(), [&](std::size_t src, std::size_t dst) {
    std::copy_n(e.src().begin() + static_cast<std::ptrdiff_t>(src), rows.row,
                e.dst.begin() + static_cast<std::ptrdiff_t>(dst));
  });
}

}  // namespace qkd::nn
