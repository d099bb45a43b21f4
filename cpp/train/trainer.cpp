#include "train/trainer.h"

#include <algorithm>
#include <chrono>

#include "base/check.h"
#include "base/flush_denormals.h"
#include "prune/magnitude.h"

namespace qkd::train {
namespace {

void check(const nn::Graph& graph, const Data& data) {
  const std::size_t features = graph.input().size(), classes = graph.output().size();
  require(data.samples() > 0, "fit", "the data hold no sample");
  require(data.x.holds(data.samples() * features), "fit", "x must hold ", data.samples(), " x ", features,
          " numbers, one row a label; got ", data.x.size());
  for (const std::int32_t y : data.y)
    require(y >= 0 && static_cast<std::size_t>(y) < classes, "fit", "labels must be 0 to ", classes - 1,
            " for a network of ", classes, " outputs; got ", y);
  require(data.teacher.empty() || data.teacher.size() == data.samples() * classes, "fit",
          "teacher logits must be (", data.samples(), ", ", classes, "); got ", data.teacher.size(),
          " numbers");
}

// No more samples than there are.
int largest_batch(const Data& data, const Trainer::Options& options) {
  return static_cast<int>(std::min(static_cast<std::size_t>(std::max(options.batch_size, 1)),
                                   std::max(data.samples(), std::size_t{1})));
}

}  // namespace

Trainer::Trainer(nn::Graph& graph, std::unique_ptr<Optimizer> optimizer, Data data, const Options& options)
    : graph_(graph),
      optimizer_(std::move(optimizer)),
      data_(std::move(data)),
      options_(options),
      step_(options_.first_step),
      loss_(static_cast<int>(graph.output().size()), largest_batch(data_, options_), options_.labels),
      labels_(static_cast<std::size_t>(largest_batch(data_, options_))),
      teacher_(labels_.size() * graph.output().size()),
      entropy_(labels_.size()) {
  require(options_.batch_size > 0, "fit", "batch_size must be positive; got ", options_.batch_size);
  check(graph_, data_);
  options_.augmentation.check(graph_.input());
  if (options_.pruning) options_.pruning->check();
  if (!options_.distillation) return;
  const Distillation& d = *options_.distillation;
  require(!data_.teacher.empty(), "fit", "distillation needs the teacher's logits");
  require(d.alpha >= 0 && d.alpha <= 1, "fit", "alpha must be between 0 and 1; got ", d.alpha);
  require(d.temperature > 0, "fit", "temperature must be positive; got ", d.temperature);
  targets_ = soft_targets(data_.teacher, static_cast<int>(graph_.output().size()), d.temperature);
}

void Trainer::prune_if_due() {
  if (!options_.pruning || !options_.pruning->due(step_)) return;
  const double sparsity = options_.pruning->sparsity(step_);
  nn::Params& params = graph_.params();
  for (std::size_t i = 0; i < params.list().size(); ++i) {
    const nn::Param& p = params.list()[i];
    if (p.spec.prunable) params.set_mask(i, prune::magnitude_mask(params.value(p), sparsity));
  }
  params.refresh();
}

LossResult Trainer::step(std::span<const std::uint32_t> rows, float learning_rate, Key key) {
  prune_if_due();
  const int batch = static_cast<int>(rows.size());
  const std::size_t features = graph_.input().size(), classes = graph_.output().size();
  nn::Plan& plan = graph_.plan(batch, true);

  const simd::Kernels& k = simd::kernels();
  data_.x.gather(rows, features, plan.src());
  options_.augmentation.apply(key.fold("augmentation"), graph_.input(), batch, plan.src());
  for (std::size_t i = 0; i < rows.size(); ++i) labels_[i] = data_.y[rows[i]];
  if (options_.distillation) {
    k.gather(batch, rows.data(), static_cast<int>(classes), targets_.probabilities.data(), teacher_.data());
    for (std::size_t i = 0; i < rows.size(); ++i) entropy_[i] = targets_.entropy[rows[i]];
  }

  plan.forward({key});
  LossResult result = options_.distillation
                          ? loss_.distill(batch, plan.dst(), labels_.data(), teacher_.data(), entropy_.data(),
                                          *options_.distillation, plan.diff_dst())
                          : loss_.cross_entropy(batch, plan.dst(), labels_.data(), plan.diff_dst());
  plan.backward();
  result.loss += batch * graph_.params().regularize();
  optimizer_->step(graph_.params(), learning_rate);
  graph_.params().refresh();
  ++step_;
  return result;
}

std::vector<std::uint32_t> Trainer::order(int index) const {
  const Key key = options_.key.fold(static_cast<std::uint64_t>(index));
  return key.permutation(static_cast<std::uint32_t>(data_.samples()));
}

Metrics Trainer::epoch(int index, std::span<const float> learning_rates, const std::function<bool()>& stop) {
  using Clock = std::chrono::steady_clock;
  const FlushDenormals flush;
  const Key key = options_.key.fold(static_cast<std::uint64_t>(index));
  const std::vector<std::uint32_t> order = this->order(index);
  const std::size_t batch_size = static_cast<std::size_t>(options_.batch_size);
  const std::size_t steps = (order.size() + batch_size - 1) / batch_size;
  require(learning_rates.size() == 1 || learning_rates.size() == steps, "fit",
          "there must be one learning rate, or ", steps, ", one a step; got ", learning_rates.size());
  graph_.params().refresh();
  LossResult sum;
  std::size_t seen = 0;
  auto asked = Clock::now();
  while (seen < order.size()) {
    const std::size_t batch = std::min(order.size() - seen, batch_size), now = seen / batch_size;
    const float rate = learning_rates[learning_rates.size() == 1 ? 0 : now];
    const LossResult r = step(std::span(order).subspan(seen, batch), rate, key.fold(now + 1));
    sum.loss += r.loss;
    sum.correct += r.correct;
    seen += batch;
    if (step_ % 64 == 0 && Clock::now() - asked > std::chrono::milliseconds(50)) {
      if (stop()) break;
      asked = Clock::now();
    }
  }
  return {sum.loss / static_cast<double>(seen), sum.correct / static_cast<double>(seen)};
}

Metrics evaluate(nn::Graph& graph, const Data& data) {
  check(graph, data);
  const std::size_t features = graph.input().size();
  const int most = graph.inference_batch();
  const auto step = static_cast<std::size_t>(most);
  Loss loss(static_cast<int>(graph.output().size()), most);
  LossResult sum;
  for (std::size_t at = 0; at < data.samples(); at += step) {
    const std::size_t batch = std::min(step, data.samples() - at);
    nn::Plan& plan = graph.plan(static_cast<int>(batch), false);
    data.x.copy(at, batch, features, plan.src());
    plan.forward();
    const LossResult r = loss.cross_entropy(static_cast<int>(batch), plan.dst(), data.y.data() + at, nullptr);
    sum.loss += r.loss;
    sum.correct += r.correct;
  }
  const auto n = static_cast<double>(data.samples());
  return {sum.loss / n, sum.correct / n};
}

void predict(nn::Graph& graph, const Samples& x, std::span<float> dst) {
  const std::size_t features = graph.input().size(), classes = graph.output().size();
  const std::size_t samples = dst.size() / classes;
  require(x.holds(samples * features) && dst.size() == samples * classes, "predict", "x must hold ", samples,
          " rows of ", features, " numbers; got ", x.size());
  const auto step = static_cast<std::size_t>(graph.inference_batch());
  for (std::size_t at = 0; at < samples; at += step) {
    const std::size_t batch = std::min(step, samples - at);
    nn::Plan& plan = graph.plan(static_cast<int>(batch), false);
    x.copy(at, batch, features, plan.src());
    plan.forward();
    std::copy_n(plan.dst(), batch * classes, dst.data() + at * classes);
  }
}

}  // namespace qkd::train
