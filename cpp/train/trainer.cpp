#include "train/trainer.h"

#include <algorithm>
#include <chrono>

#include "base/check.h"
#include "base/flush_denormals.h"

namespace qkd::train {
namespace {

void check(const nn::Graph& graph, const Data& data, std::size_t classes, std::size_t teacher) {
  const std::size_t features = graph.input().size();
  require(data.samples() > 0, "fit", "the data hold no sample");
  require(data.x.holds(data.samples() * features), "fit", "x must hold ", data.samples(), " x ", features,
          " numbers, one row a label; got ", data.x.size());
  for (const std::int32_t y : data.y)
    require(y >= 0 && static_cast<std::size_t>(y) < classes, "fit", "labels must be 0 to ", classes - 1,
            " for a network of ", classes, " outputs; got ", y);
  require(data.teacher.empty() || data.teacher.size() == data.samples() * teacher, "fit",
          "teacher logits must be (", data.samples(), ", ", teacher, "); got ", data.teacher.size(),
          " numbers");
}

// No more samples than there are.
int largest_batch(const Data& data, const Trainer::Options& options) {
  return static_cast<int>(std::min(static_cast<std::size_t>(std::max(options.batch_size, 1)),
                                   std::max(data.samples(), std::size_t{1})));
}

std::size_t classes_of(const nn::Graph& graph, const std::vector<Hint>& hints) {
  std::size_t numbers = 0;
  for (const Hint& h : hints) {
    require(h.pixels > 0 && h.channels > 0 && h.weight > 0, "hint",
            "pixels, channels and weight must be positive; got ", h.pixels, ", ", h.channels, " and ",
            h.weight);
    numbers += static_cast<std::size_t>(h.student_size());
  }
  require(numbers < graph.output().size(), "hint", "must leave the graph's logits; hints take ", numbers,
          " of ", graph.output().size(), " outputs");
  return graph.output().size() - numbers;
}

std::size_t teacher_columns(std::size_t classes, const std::vector<Hint>& hints) {
  for (const Hint& h : hints) classes += static_cast<std::size_t>(h.teacher_size());
  return classes;
}

// The first `columns` of rows of `width`.
std::vector<float> first_columns(std::span<const float> rows, std::size_t width, std::size_t columns) {
  std::vector<float> out;
  for (std::size_t at = 0; at < rows.size(); at += width)
    out.insert(out.end(), rows.begin() + static_cast<std::ptrdiff_t>(at),
               rows.begin() + static_cast<std::ptrdiff_t>(at + columns));
  return out;
}

}  // namespace

Trainer::Trainer(nn::Graph& graph, std::unique_ptr<Optimizer> optimizer, Data data, const Options& options)
    : graph_(graph),
      optimizer_(std::move(optimizer)),
      data_(std::move(data)),
      options_(options),
      classes_(classes_of(graph, options.hints)),
      step_(options_.first_step),
      loss_(static_cast<int>(classes_), largest_batch(data_, options_), options_.labels),
      labels_(static_cast<std::size_t>(largest_batch(data_, options_))),
      teacher_(labels_.size() * classes_),
      entropy_(labels_.size()) {
  require(options_.batch_size > 0, "fit", "batch_size must be positive; got ", options_.batch_size);
  const std::size_t columns = teacher_columns(classes_, options_.hints);
  check(graph_, data_, classes_, columns);
  options_.augmentation.check(graph_.input());
  for (const PruneRule& rule : options_.pruning) rule.check(graph_.params());
  require(options_.hints.empty() || options_.distillation, "fit", "hints come with distillation");
  if (!options_.distillation) return;
  const Distillation& d = *options_.distillation;
  require(!data_.teacher.empty(), "fit", "distillation needs the teacher's logits");
  require(d.alpha >= 0 && d.alpha <= 1, "fit", "alpha must be between 0 and 1; got ", d.alpha);
  require(d.temperature > 0, "fit", "temperature must be positive; got ", d.temperature);
  std::span<const float> logits = data_.teacher;
  if (!options_.hints.empty()) {
    require(!options_.augmentation.wanted(), "fit",
            "hints of a teacher need images as they are, not augmented");
    logits_.resize(labels_.size() * classes_);
    diff_.resize(logits_.size());
    teacher_logits_ = first_columns(data_.teacher, columns, classes_);
    logits = teacher_logits_;
  }
  if (d.teaching == Teaching::logits)
    targets_ = soft_targets(logits, static_cast<int>(classes_), d.temperature);
  else if (teacher_logits_.empty())
    teacher_logits_.assign(logits.begin(), logits.end());
}

void Trainer::set_bit_costs(double weight, const std::vector<double>& widths) {
  require(widths.size() == graph_.params().list().size(), "bit costs", "must be ",
          graph_.params().list().size(), " widths, one a parameter tensor; got ", widths.size());
  bit_costs_ = widths;
  for (double& cost : bit_costs_) cost *= weight;
}

void Trainer::prune_if_due() {
  bool changed = false;
  for (const PruneRule& rule : options_.pruning) changed = rule.apply(step_, graph_.params()) || changed;
  if (changed) graph_.params().refresh();
}

LossResult Trainer::learn(int batch, const float* logits, std::span<const std::uint32_t> rows, float* diff) {
  if (!options_.distillation) return loss_.cross_entropy(batch, logits, labels_.data(), diff);
  const Distillation& d = *options_.distillation;
  const bool tempered = d.teaching == Teaching::logits;
  const std::vector<float>& told = tempered ? targets_.probabilities : teacher_logits_;
  simd::kernels().gather(batch, rows.data(), static_cast<int>(classes_), told.data(), teacher_.data());
  if (!tempered) return loss_.teach(batch, logits, labels_.data(), teacher_.data(), d, diff);
  for (std::size_t i = 0; i < rows.size(); ++i) entropy_[i] = targets_.entropy[rows[i]];
  return loss_.distill(batch, logits, labels_.data(), teacher_.data(), entropy_.data(), d, diff);
}

LossResult Trainer::compare(nn::Plan& plan, std::span<const std::uint32_t> rows) {
  const int batch = static_cast<int>(rows.size());
  if (options_.hints.empty()) return learn(batch, plan.dst(), rows, plan.diff_dst());
  const std::size_t outputs = graph_.output().size(), columns = teacher_columns(classes_, options_.hints);
  for (std::size_t i = 0; i < rows.size(); ++i)
    std::copy_n(plan.dst() + i * outputs, classes_, logits_.data() + i * classes_);
  LossResult result = learn(batch, logits_.data(), rows, diff_.data());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const float* student = plan.dst() + i * outputs + classes_;
    const float* teacher = data_.teacher.data() + rows[i] * columns + classes_;
    float* diff = plan.diff_dst() + i * outputs;
    std::copy_n(diff_.data() + i * classes_, classes_, diff);
    diff += classes_;
    for (const Hint& h : options_.hints) {
      result.loss += h.apply(student, teacher, 1.0 / batch, diff);
      student += h.student_size();
      diff += h.student_size();
      teacher += h.teacher_size();
    }
  }
  return result;
}

LossResult Trainer::step(std::span<const std::uint32_t> rows, float learning_rate, Key key) {
  prune_if_due();
  const int batch = static_cast<int>(rows.size());
  const std::size_t features = graph_.input().size();
  nn::Plan& plan = graph_.plan(batch, true);

  data_.x.gather(rows, features, plan.src());
  const FlushDenormals flush;  // not before: a source's own arithmetic keeps its denormals
  options_.augmentation.apply(key.fold("augmentation"), graph_.input(), batch, plan.src());
  for (std::size_t i = 0; i < rows.size(); ++i) labels_[i] = data_.y[rows[i]];

  plan.forward({key});
  LossResult result = compare(plan, rows);
  plan.backward();
  graph_.params().learn_fractions(bit_costs_);
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
  const Key key = options_.key.fold(static_cast<std::uint64_t>(index));
  const std::vector<std::uint32_t> order = this->order(index);
  const std::size_t batch_size = static_cast<std::size_t>(options_.batch_size);
  const std::size_t steps = (order.size() + batch_size - 1) / batch_size;
  require(learning_rates.size() == 1 || learning_rates.size() == steps, "fit",
          "there must be one learning rate, or ", steps, ", one a step; got ", learning_rates.size());
  graph_.params().refresh();
  LossResult sum;
  std::size_t seen = 0;
  auto asked = Clock::now(), looked = asked;
  int steps_a_look = 1, unlooked = 0;  // a clock costs more than it should in steps of microseconds
  while (seen < order.size()) {
    const std::size_t batch = std::min(order.size() - seen, batch_size), now = seen / batch_size;
    const float rate = learning_rates[learning_rates.size() == 1 ? 0 : now];
    const LossResult r = step(std::span(order).subspan(seen, batch), rate, key.fold(now + 1));
    sum.loss += r.loss;
    sum.correct += r.correct;
    seen += batch;
    if (++unlooked < steps_a_look) continue;
    const auto time = Clock::now();
    if (time - looked < std::chrono::milliseconds(5) && steps_a_look < 64) steps_a_look *= 2;
    looked = time;
    unlooked = 0;
    if (time - asked > std::chrono::milliseconds(50)) {
      if (stop()) break;
      asked = Clock::now();
    }
  }
  return {sum.loss / static_cast<double>(seen), sum.correct / static_cast<double>(seen)};
}

Metrics evaluate(nn::Graph& graph, const Data& data) {
  check(graph, data, graph.output().size(), graph.output().size());
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
