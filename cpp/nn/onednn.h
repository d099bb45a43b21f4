// oneDNN primitives on fixed memory, made for one thread: shards run them side by side.
#pragma once
#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>

#include "nn/scratch.h"

namespace qkd::nn {

inline const dnnl::engine& cpu() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

inline dnnl::memory::desc f32(const dnnl::memory::dims& dims, dnnl::memory::format_tag tag) {
  return {dims, dnnl::memory::data_type::f32, tag};
}

inline dnnl::memory memory_at(const dnnl::memory::desc& desc, const float* data) {
  return {desc, cpu(), const_cast<float*>(data)};
}

// The scratchpad is the caller's, because in the library's default mode a primitive that runs on another
// thread than the one that made it may crash.
inline dnnl::primitive_attr with_user_scratchpad() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

class Primitive {
 public:
  Primitive() = default;
  template <typename Description>
  Primitive(const dnnl::primitive& primitive, const Description& pd,
            std::unordered_map<int, dnnl::memory> arguments, Scratch* scratch, std::size_t offset = 0)
      : primitive_(primitive),
        scratchpad_(pd.scratchpad_desc()),
        arguments_(std::move(arguments)),
        scratch_(scratch),
        offset_(offset) {
    scratch_->reserve(offset_ + scratchpad_.get_size() / sizeof(float) + 1);
  }

  explicit operator bool() const { return scratch_ != nullptr; }

  void operator()() {
    if (!ready_) {  // scratch memory has its place only after every step is bound
      arguments_[DNNL_ARG_SCRATCHPAD] = memory_at(scratchpad_, scratch_->data() + offset_);
      ready_ = true;
    }
    dnnl::stream stream(cpu());
    primitive_.execute(stream, arguments_);
    stream.wait();
  }

  dnnl::memory& argument(int which) { return arguments_.at(which); }

 private:
  dnnl::primitive primitive_;
  dnnl::memory::desc scratchpad_;
  std::unordered_map<int, dnnl::memory> arguments_;
  Scratch* scratch_ = nullptr;  // its floats from offset_ on are the scratchpad
  std::size_t offset_ = 0;
  bool ready_ = false;
};

}  // namespace qkd::nn
