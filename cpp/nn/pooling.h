// Maximum or average over windows of an image or a series, channel by channel. Averages count the pixels
// inside the source only, as TensorFlow's do.
#pragma once
#include "nn/layer.h"
#include "nn/window.h"

namespace qkd::nn {

class Pooling final : public Layer {
 public:
  enum class Kind { max, average };
  struct Options {
    Kind kind;
    Window window{};
    bool global = false;    // one window over everything
    bool keepdims = false;  // a global one keeps the axes, of size one
  };
  Pooling(std::string name, const Options& options) : Layer(std::move(name)), options_(options) {}

  Shape infer(const Shapes& srcs) const override;
  Keeps keeps() const override { return {false, false}; }
  ToldBy takes_clip_backward(const Shapes&) const override {
    return options_.kind == Kind::max ? ToldBy::dst : ToldBy::nothing;
  }
  std::unique_ptr<Step> bind(std::span<const Binding> shards) const override;
  void evaluate(const Evaluation& e) const override;

 private:
  Geometry windows(const Shape& src) const;

  Options options_;
};

}  // namespace qkd::nn
