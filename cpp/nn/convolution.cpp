#include "nn/convolution.h"

#include "base/check.h"
#include "nn/dense.h"

namespace qkd::nn {

Convolution::Convolution(std::string name, Options options)
    : Layer(std::move(name)), options_(std::move(options)) {
  require(options_.filters > 0, this->name(), options_.depthwise ? "depth_multiplier" : "filters",
          " must be positive; got ", options_.filters);
}

Shape Convolution::infer(const Shapes& srcs) const {
  const Geometry g = geometry(name(), only(srcs), options_.window);
  return window_shape(srcs[0], g, channels(g));
}

std::vector<ParamSpec> Convolution::params(const Shapes& srcs) const {
  const Geometry g = geometry(name(), srcs[0], options_.window);
  std::vector<int> sizes{g.c, options_.filters};
  sizes.insert(sizes.begin(), g.kernel_w);
  if (srcs[0].rank() == 3) sizes.insert(sizes.begin(), g.kernel_h);
  ParamSpec kernel = options_.kernel;
  kernel.name = name() + (options_.depthwise ? "/depthwise_kernel" : "/kernel");
  kernel.shape = Shape(sizes);
  kernel.prunable = true;
  std::vector<ParamSpec> specs{std::move(kernel)};
  if (options_.use_bias) {
    specs.push_back(options_.bias);
    specs.back().name = name() + "/bias";
    specs.back().shape = {channels(g)};
  }
  return specs;
}

double Convolution::products(const Shapes& srcs) const {
  const Geometry g = geometry(name(), srcs[0], options_.window);
  return 1.0 * g.pixels() * g.taps() * g.c * options_.filters;
}

bool Convolution::adds_up(const Shapes& srcs) const {
  return is_wide(geometry(name(), srcs[0], options_.window));
}

ToldBy Convolution::takes_clip_backward(const Shapes& srcs) const {
  return is_wide(geometry(name(), srcs[0], options_.window)) ? ToldBy::src : ToldBy::nothing;
}

bool Convolution::recomputes(const Shapes& srcs) const {
  const Geometry g = geometry(name(), srcs[0], options_.window);
  return !options_.depthwise && !g.is_pointwise() && !is_wide(g);
}

// One by one, step one, it is a product with the channels.
std::unique_ptr<Step> Convolution::bind(std::span<const Binding> shards) const {
  const Geometry g = geometry(name(), shards[0].src_shape(), options_.window);
  if (options_.depthwise)
    return g.c % kVector == 0 ? bind_convolution_onednn(shards, g, g.c)
                              : bind_depthwise_simd(shards, g, options_.filters);
  if (g.is_pointwise()) return bind_dense(shards);
  return is_wide(g) ? bind_convolution_onednn(shards, g, 1) : bind_convolution_simd(shards, g);
}

void Convolution::evaluate(const Evaluation& e) const {
  const Geometry g = geometry(name(), e.shape(), options_.window);
  const int outs = channels(g), per = options_.filters;
  const auto at = [](int i) { return static_cast<std::size_t>(i); };
  const std::size_t src_size = e.shape().size(), dst_size = at(g.pixels()) * at(outs);
  for (std::size_t b = 0; b < e.samples(); ++b)
    for (int y = 0; y < g.out_h; ++y)
      for (int x = 0; x < g.out_w; ++x) {
        double* sums = &e.dst[b * dst_size + at(y * g.out_w + x) * at(outs)];
        for (int o = 0; o < outs; ++o) sums[o] = options_.use_bias ? e.params[1][at(o)] : 0.0;
        for (int ky = 0; ky < g.kernel_h; ++ky)
          for (int kx = 0; kx < g.kernel_w; ++kx) {
            const int row = g.row(y, ky), column = g.column(x, kx);
            if (!g.inside(row, column)) continue;
            const double* src = &e.src()[b * src_size + at(row * g.w + column) * at(g.c)];
            const double* taps = &e.params[0][at(ky * g.kernel_w + kx) * at(g.c) * at(per)];
            if (options_.depthwise)
              for (int o = 0; o < outs; ++o) sums[o] += src[o / per] * taps[o];
            else
              for (int i = 0; i < g.c; ++i)
                for (int o = 0; o < outs; ++o) sums[o] += src[i] * taps[i * per + o];
          }
      }
}

}  // namespace qkd::nn
