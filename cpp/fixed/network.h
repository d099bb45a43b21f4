// The integer forward pass: the bits that the FPGA will give. Codes in, codes out, no floating point
// anywhere.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "quant/fixed_point.h"

namespace qkd::fixed {

// dst = src * weights + bias in the result type's grid. The result type is wide enough for every sum and fine
// enough for every product (its fraction is that of the finest summand), so nothing rounds and nothing
// overflows.
struct Dense {
  std::string name;
  int n_in, n_out;
  std::vector<std::int64_t> weights;  // (n_in, n_out) codes
  std::vector<std::int64_t> bias;     // (n_out,) codes
  FixedPoint weight_type, bias_type, result_type;
};

// A cast to the result type: negative values to zero first where relu is set, then rounding and overflow.
struct Activation {
  std::string name;
  bool relu;
  FixedPoint result_type;
};

using Layer = std::variant<Dense, Activation>;

class Network {
 public:
  // Throws ValueError, naming the layer, where shapes do not chain or a result type could round or overflow.
  Network(int n_in, FixedPoint input_type, std::vector<Layer> layers);

  int n_in() const { return n_in_; }
  int n_out() const { return n_out_; }
  const FixedPoint& output_type() const { return types_.back(); }

  // src (samples, n_in) to dst (samples, n_out). Runs on 32-bit vectors while every
  // sum fits them, else on 64-bit integers; the codes are the same.
  void run(std::span<const std::int64_t> src, std::span<std::int64_t> dst) const;

  // Every layer's codes, (samples, width) each.
  std::vector<std::vector<std::int64_t>> trace(std::span<const std::int64_t> src) const;

 private:
  int n_in_, n_out_;
  std::vector<Layer> layers_;
  std::vector<FixedPoint> types_;  // input, then each layer's result
  std::vector<int> widths_;        // input, then each layer's result
  bool narrow_;                    // every code and sum fits 32 bits
  std::vector<std::vector<std::int32_t>> weights32_, bias32_;

  void check(std::span<const std::int64_t> src) const;  // that codes are of the input type
  void run_wide(std::span<const std::int64_t> src, std::size_t layer, std::span<std::int64_t> dst) const;
  void run_narrow(std::span<const std::int64_t> src, std::span<std::int64_t> dst) const;
};

}  // namespace qkd::fixed
