// The integer forward pass: the bits that the FPGA will give. Codes in, codes out, no floating point
// anywhere.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "fixed/layer.h"

namespace qkd::fixed {

// A directed graph of frozen layers, built source by source; the last layer's result is the network's.
class Network {
 public:
  static constexpr const char* kInput = "input";  // the name of the network's own input as a source

  Network(Shape input_shape, FixedPoint input_type);

  // What `layer` would give on these sources, and the smallest type that holds it exactly. Throws ValueError,
  // naming the layer, where its sources do not fit, or where 63 bits do not suffice.
  Reach reach(const Layer& layer, const std::vector<std::string>& sources) const;
  FixedPoint exact_type(const Layer& layer, const std::vector<std::string>& sources) const;

  // Throws ValueError, naming the layer, where the result type could round or overflow a sum.
  void add(const std::shared_ptr<const Layer>& layer, const std::vector<std::string>& sources);

  const Shape& shape(const std::string& name) const { return tensors_[find(name)].shape; }
  const FixedPoint& type(const std::string& name) const { return tensors_[find(name)].type; }
  const Shape& input_shape() const { return tensors_.front().shape; }
  const Shape& output_shape() const { return tensors_.back().shape; }
  const std::vector<std::string>& names() const { return names_; }
  bool narrow() const { return narrow_; }

  // src (samples, *input_shape) to dst (samples, *output_shape). Runs on 32-bit vectors while every value
  // fits them, else on 64-bit ones; the codes are the same.
  void run(std::span<const std::int64_t> src, std::span<std::int64_t> dst) const;

  // Every layer's codes, (samples, *shape) each.
  std::vector<std::vector<std::int64_t>> trace(std::span<const std::int64_t> src) const;

 private:
  struct Node {
    std::shared_ptr<const Layer> layer;
    std::vector<std::size_t> sources;
    std::unique_ptr<Step> step;
  };
  std::vector<std::string> names_;  // the input's, then the layers'
  std::vector<Tensor> tensors_;     // likewise
  std::vector<Node> nodes_;
  bool narrow_;  // every code and every partial sum fits 32 bits

  std::size_t find(const std::string& name) const;
  std::vector<std::size_t> find_all(const std::vector<std::string>& sources) const;
  void check(std::span<const std::int64_t> src) const;  // that codes are of the input type
  std::vector<std::size_t> slots() const;
  template <typename Code>
  void forward(std::span<const std::int64_t> src, std::vector<std::span<std::int64_t>> dst) const;
};

}  // namespace qkd::fixed
