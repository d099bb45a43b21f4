// Optimisers over the flat parameter block, with Keras's formulas and defaults.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "nn/params.h"

namespace qkd::train {

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  // One step with the gradients that `params` holds. Quantised tensors stay inside their quantiser's range,
  // as QKeras's constraints have it: beyond it a weight would saturate and no longer move anything.
  virtual void step(nn::Params& params, float learning_rate) = 0;

  // What it remembers of the steps before, by name: m/fc1/kernel, ... . Numbers of no tensor are under their
  // own names. Taking a state back, tensors that it does not name begin anew.
  using State = std::map<std::string, std::vector<double>>;
  State state(const nn::Params& params) const;
  // Throws ValueError, naming the tensor, where a size differs.
  void set_state(const nn::Params& params, const State& state);

 private:
  struct Memory {
    std::string name;
    std::span<float> values;  // in the order of the flat block
  };
  virtual std::vector<Memory> memories() = 0;
  virtual std::map<std::string, double*> numbers() { return {}; }

  friend class Adam;
  friend class Sgd;
};

// Kingma & Ba 2015, in Keras's form: rate * sqrt(1 - beta2^t) / (1 - beta1^t), epsilon beside the root.
struct AdamOptions {
  float beta1 = 0.9f, beta2 = 0.999f, epsilon = 1e-7f;
  float weight_decay = 0;  // decoupled (Loshchilov & Hutter 2019)
};
std::unique_ptr<Optimizer> make_adam(const nn::Params& params, const AdamOptions& options);

struct SgdOptions {
  float momentum = 0;
  bool nesterov = false;
};
std::unique_ptr<Optimizer> make_sgd(const nn::Params& params, const SgdOptions& options);

}  // namespace qkd::train
