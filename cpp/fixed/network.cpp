#include "fixed/network.h"

#include <algorithm>

#include "fixed/cast.h"

namespace qkd::fixed {
namespace {

std::string text(Int128 value) {  // for error messages; beyond 64 bits the size alone
  const Interval one{value, value};
  if (one.fits(64)) return std::to_string(static_cast<std::int64_t>(value));
  return value < 0 ? "below -2^63" : "above 2^63";
}

Interval hull(const Intervals& codes) {
  Interval hull = codes.front();
  for (const Interval i : codes) hull = hull | i;
  return hull;
}

}  // namespace

Network::Network(Shape input_shape, FixedPoint input_type) : names_{kInput}, narrow_(input_type.bits < 32) {
  require(input_shape.rank() > 0 && std::ranges::all_of(input_shape.sizes(), [](int n) { return n > 0; }),
          "Network", "needs inputs; got shape ", input_shape.text());
  const auto channels = static_cast<std::size_t>(input_shape[input_shape.rank() - 1]);
  tensors_.push_back({std::move(input_shape), input_type, Intervals(channels, whole(input_type))});
}

std::size_t Network::find(const std::string& name) const {
  const auto found = std::ranges::find(names_, name);
  require(found != names_.end(), "Network", "a source must be 'input' or a layer before; got '", name, "'");
  return static_cast<std::size_t>(found - names_.begin());
}

std::vector<std::size_t> Network::find_all(const std::vector<std::string>& sources) const {
  std::vector<std::size_t> at;
  for (const std::string& source : sources) at.push_back(find(source));
  return at;
}

Reach Network::reach(const Layer& layer, const std::vector<std::string>& sources) const {
  require(sources.size() == layer.sources(), layer.name(), "takes ", layer.sources(), " inputs; got ",
          sources.size());
  std::vector<Tensor> src;
  for (const std::string& source : sources) {
    src.push_back(tensors_[find(source)]);
  }
  Reach reach = layer.reach(src);
  require(reach.partial.fits(64), layer.name(),
          "its sums need more than 64 bits. Use fewer bits or fewer inputs");
  return reach;
}

FixedPoint Network::exact_type(const Layer& layer, const std::vector<std::string>& sources) const {
  const Reach r = reach(layer, sources);
  const Interval codes = hull(r.codes);
  int bits = 1;
  while (bits < 64 && !codes.fits(bits)) ++bits;
  require(bits <= 63, layer.name(), "sums need ", bits,
          " bits; 63 are the most. Use fewer bits or fewer inputs");
  return FixedPoint(bits, bits - r.fraction);
}

void Network::add(const std::shared_ptr<const Layer>& layer, const std::vector<std::string>& sources) {
  require(!layer->name().empty(), "Network", "every layer needs a name; got an empty one");
  require(std::ranges::find(names_, layer->name()) == names_.end(), layer->name(),
          "layer names must differ, and from 'input'");
  const Reach r = reach(*layer, sources);
  const FixedPoint& type = layer->result_type();
  require(type.fraction() == r.fraction, layer->name(), "its result_type must have ", r.fraction,
          " fraction bits, so that nothing rounds; got ", type.ap_type());
  const Interval codes = hull(r.codes);
  require(codes.low >= type.low_code() && codes.high <= type.high_code(), layer->name(), "its result_type ",
          type.ap_type(), " must hold every sum (", text(codes.low), " to ", text(codes.high),
          "); its codes are ", type.low_code(), " to ", type.high_code());
  narrow_ = narrow_ && type.bits < 32 && r.partial.fits(32);
  Node node{layer, find_all(sources), nullptr};
  std::vector<Tensor> src;
  for (const std::size_t at : node.sources) src.push_back(tensors_[at]);
  node.step = layer->bind(src);
  names_.push_back(layer->name());
  tensors_.push_back({r.shape, type, r.codes});
  nodes_.push_back(std::move(node));
}

void Network::check(std::span<const std::int64_t> src) const {
  require(!nodes_.empty(), "Network", "needs at least one layer");
  const std::int64_t low = tensors_.front().type.low_code(), high = tensors_.front().type.high_code();
  const auto beyond = std::ranges::find_if(src, [=](std::int64_t code) { return code < low || code > high; });
  require(beyond == src.end(), "Network", "input codes must be ", low, " to ", high, "; got ",
          beyond == src.end() ? 0 : *beyond, ". Encode raw values with the input type first");
}

// Which buffer each tensor lies in: one is free again after the last layer that reads it.
std::vector<std::size_t> Network::slots() const {
  std::vector<std::size_t> last(tensors_.size(), 0), slot(tensors_.size(), 0), free;
  for (std::size_t n = 0; n < nodes_.size(); ++n)
    for (const std::size_t at : nodes_[n].sources) last[at] = n + 1;
  std::size_t used = 1;
  for (std::size_t t = 1; t < tensors_.size(); ++t) {
    if (free.empty()) {
      slot[t] = used++;
    } else {
      slot[t] = free.back();
      free.pop_back();
    }
    for (std::size_t earlier = 0; earlier < t; ++earlier)
      if (last[earlier] == t) free.push_back(slot[earlier]);
    if (last[t] == 0) free.push_back(slot[t]);  // nobody reads it
  }
  return slot;
}

// dst: one span a tensor; empty where nobody asks.
template <typename Code>
void Network::forward(std::span<const std::int64_t> src, std::vector<std::span<std::int64_t>> dst) const {
  const std::vector<std::size_t> slot = slots();
  std::vector<std::size_t> size(*std::ranges::max_element(slot) + 1);
  for (std::size_t t = 0; t < tensors_.size(); ++t)
    size[slot[t]] = std::max(size[slot[t]], tensors_[t].shape.size() * kLanes);
  std::vector<std::vector<Code>> buffers;
  for (const std::size_t n : size) buffers.emplace_back(n);

  const std::size_t n_in = input_shape().size(), samples = src.size() / n_in;
  std::vector<const Code*> from;
  for (std::size_t at = 0; at < samples; at += kLanes) {
    const std::size_t count = std::min(kLanes, samples - at);
    // A later tensor may lie where the input did, and lanes without a sample are computed too.
    if (count < kLanes) std::ranges::fill(buffers[0], Code{0});
    for (std::size_t s = 0; s < count; ++s)
      for (std::size_t i = 0; i < n_in; ++i)
        buffers[0][i * kLanes + s] = static_cast<Code>(src[(at + s) * n_in + i]);
    for (std::size_t n = 0; n < nodes_.size(); ++n) {
      const std::size_t t = n + 1;
      from.clear();
      for (const std::size_t source : nodes_[n].sources) from.push_back(buffers[slot[source]].data());
      Code* const to = buffers[slot[t]].data();
      nodes_[n].step->forward(from, to);
      if (dst[t].empty()) continue;
      const std::size_t n_out = tensors_[t].shape.size();
      for (std::size_t s = 0; s < count; ++s)
        for (std::size_t o = 0; o < n_out; ++o) dst[t][(at + s) * n_out + o] = to[o * kLanes + s];
    }
  }
}

void Network::run(std::span<const std::int64_t> src, std::span<std::int64_t> dst) const {
  check(src);
  std::vector<std::span<std::int64_t>> results(tensors_.size());
  results.back() = dst;
  narrow_ ? forward<std::int32_t>(src, results) : forward<std::int64_t>(src, results);
}

std::vector<std::vector<std::int64_t>> Network::trace(std::span<const std::int64_t> src) const {
  check(src);
  const std::size_t samples = src.size() / input_shape().size();
  std::vector<std::vector<std::int64_t>> codes;
  std::vector<std::span<std::int64_t>> results{{}};
  for (std::size_t t = 1; t < tensors_.size(); ++t) codes.emplace_back(samples * tensors_[t].shape.size());
  for (std::vector<std::int64_t>& c : codes) results.emplace_back(c);
  narrow_ ? forward<std::int32_t>(src, results) : forward<std::int64_t>(src, results);
  return codes;
}

}  // namespace qkd::fixed
