#include "nn/embedding.h"

#include <algorithm>

#include "base/check.h"

namespace qkd::nn {
namespace {

std::size_t row_of(const std::string& name, double index, int rows) {
  require(index >= 0 && index < rows && index == static_cast<int>(index), name,
          "indices must be integers 0 to ", rows - 1, "; got ", index);
  return static_cast<std::size_t>(index);
}

class EmbeddingPart {
 public:
  EmbeddingPart(const Binding& b, const std::string& name, int rows, int width)
      : b_(b),
        name_(name),
        rows_(rows),
        width_(static_cast<std::size_t>(width)),
        size_(static_cast<std::size_t>(b.batch) * b.src_shape().size()) {}

  void forward() {
    for (std::size_t i = 0; i < size_; ++i)
      std::copy_n(b_.params[0] + row(b_.src(), i) * width_, width_, b_.dst + i * width_);
  }
  void backward() {
    std::fill_n(b_.gradients[0], static_cast<std::size_t>(rows_) * width_, 0.0f);
    for (std::size_t i = 0; i < size_; ++i) {
      float* gradient = b_.gradients[0] + row(b_.kept_src(), i) * width_;
      k_.add(width_, gradient, b_.diff_dst + i * width_, gradient);
    }
  }

 private:
  std::size_t row(const float* src, std::size_t i) const {
    return row_of(name_, static_cast<double>(src[i]), rows_);
  }

  const simd::Kernels& k_ = simd::kernels();
  Binding b_;
  std::string name_;
  int rows_;
  std::size_t width_, size_;
};

}  // namespace

Embedding::Embedding(std::string name, int rows, int width, ParamSpec table)
    : Layer(std::move(name)), rows_(rows), width_(width), table_(std::move(table)) {
  require(rows > 0 && width > 0, this->name(), "input_dim and output_dim must be positive; got ", rows,
          " and ", width);
  table_.name = this->name() + "/embeddings";
  table_.shape = {rows, width};
  table_.prunable = true;
}

Shape Embedding::infer(const Shapes& srcs) const {
  std::vector<int> sizes = only(srcs).sizes();
  sizes.push_back(width_);
  return Shape(sizes);
}

std::vector<ParamSpec> Embedding::params(const Shapes&) const { return {table_}; }

std::unique_ptr<Step> Embedding::bind(std::span<const Binding> shards) const {
  for (const Binding& b : shards)
    require(!b.diff_src(), name(), "its indices cannot learn: it must come before every layer that does");
  return std::make_unique<Shards<EmbeddingPart>>(shards, name(), rows_, width_);
}

void Embedding::evaluate(const Evaluation& e) const {
  const auto width = static_cast<std::ptrdiff_t>(width_);
  for (std::size_t i = 0; i < e.src().size(); ++i)
    std::copy_n(e.params[0].begin() + static_cast<std::ptrdiff_t>(row_of(name(), e.src()[i], rows_)) * width,
                width_, e.dst.begin() + static_cast<std::ptrdiff_t>(i) * width);
}

}  // namespace qkd::nn
