#include <algorithm>
#include <array>

#include "bind/arrays.h"
#include "bind/module.h"
#include "bind/samples.h"
#include "train/trainer.h"

namespace qkd::bind {
namespace {

using train::Data;
using train::Metrics;

train::Teaching teaching_from(const std::string& name) {
  constexpr std::array kNames = {"logits", "logits_mse", "probabilities", "reference"};
  const auto* found = std::ranges::find(kNames, name);
  require(found != kNames.end(), "distillation",
          "must be logits, logits_mse, probabilities or reference; got '", name, "'");
  return static_cast<train::Teaching>(found - kNames.begin());
}

py::tuple tuple_of(const Metrics& m) { return py::make_tuple(m.loss, m.accuracy); }

// Keeps the arrays alive that the trainer looks at.
class Trainer {
 public:
  Trainer(nn::Graph& graph, Source x, Array<std::int32_t> y, std::optional<Array<float>> teacher,
          const std::string& optimizer, const std::map<std::string, double>& options, int batch_size, Key key,
          const std::optional<train::Distillation>& distillation, std::vector<train::PruneRule> pruning,
          std::int64_t first_step, const std::optional<std::vector<float>>& class_weights,
          float label_smoothing, bool flip, int crop, std::vector<train::Hint> hints)
      : graph_(graph), x_(std::move(x)), y_(std::move(y)), teacher_(std::move(teacher)) {
    const Data data{to_samples(x_), view<std::int32_t>(y_, "y"),
                    teacher_ ? view<float>(*teacher_, "teacher") : std::span<const float>()};
    train::Trainer::Options o;
    o.batch_size = batch_size;
    o.key = key;
    o.distillation = distillation;
    o.pruning = std::move(pruning);
    o.hints = std::move(hints);
    o.first_step = first_step;
    o.labels = {class_weights.value_or(std::vector<float>()), label_smoothing};
    o.augmentation = {flip, crop};
    trainer_ = std::make_unique<train::Trainer>(graph, make(optimizer, options, graph.params()), data, o);
  }

  py::tuple epoch(int index, const std::vector<float>& learning_rates) {
    bool interrupted = false;
    Metrics metrics{};
    {
      const Exclusive exclusive(graph_);
      metrics = trainer_->epoch(index, learning_rates, [&interrupted] {
        if (interpreter_ends()) return true;
        const Held held;
        interrupted = PyErr_CheckSignals() != 0;
        return interrupted;
      });
    }
    if (interrupted) throw py::error_already_set();
    return tuple_of(metrics);
  }

  Array<std::uint32_t> order(int index) const {
    const std::vector<std::uint32_t> rows = trainer_->order(index);
    return to_array<std::uint32_t>(rows, {static_cast<py::ssize_t>(rows.size())});
  }

  std::int64_t steps() const { return trainer_->steps(); }

  std::map<std::string, Array<double>> optimizer_state() const {
    std::map<std::string, Array<double>> arrays;
    for (const auto& [name, values] : trainer_->optimizer().state(graph_.params()))
      arrays.emplace(name, to_array<double>(values, {static_cast<py::ssize_t>(values.size())}));
    return arrays;
  }
  void set_bit_costs(double weight, const std::vector<double>& widths) {
    trainer_->set_bit_costs(weight, widths);
  }
  void set_optimizer_state(const std::map<std::string, Array<double>>& arrays) {
    train::Optimizer::State state;
    for (const auto& [name, values] : arrays)
      state[name].assign(values.data(), values.data() + values.size());
    trainer_->set_optimizer_state(state);
  }

 private:
  static std::unique_ptr<train::Optimizer> make(const std::string& name,
                                                std::map<std::string, double> options,
                                                const nn::Params& params) {
    const auto take = [&options](const char* key, double otherwise) {
      const auto found = options.extract(key);
      return static_cast<float>(found.empty() ? otherwise : found.mapped());
    };
    std::unique_ptr<train::Optimizer> made;
    if (name == "adam") {
      train::AdamOptions o;
      o.beta1 = take("beta_1", 0.9);
      o.beta2 = take("beta_2", 0.999);
      o.epsilon = take("epsilon", 1e-7);
      o.weight_decay = take("weight_decay", 0);
      made = train::make_adam(params, o);
    } else if (name == "sgd") {
      train::SgdOptions o;
      o.momentum = take("momentum", 0);
      o.nesterov = take("nesterov", 0) != 0;
      made = train::make_sgd(params, o);
    }
    require(made != nullptr, "optimizer", "must be adam or sgd; got '", name, "'");
    require(options.empty(), "optimizer", name, " has no option '",
            options.empty() ? std::string() : options.begin()->first, "'");
    return made;
  }

  nn::Graph& graph_;
  Source x_;
  Array<std::int32_t> y_;
  std::optional<Array<float>> teacher_;
  std::unique_ptr<train::Trainer> trainer_;
};

// The value and gradient of the loss alone, for the tests that hold it against finite differences.
py::tuple loss_of(const Array<float>& logits, const Array<std::int32_t>& labels,
                  const std::optional<Array<float>>& teacher, float alpha, float temperature,
                  const std::string& teaching) {
  require(logits.ndim() == 2, "logits", "must be (samples, classes)");
  const int n = static_cast<int>(logits.shape(0)), classes = static_cast<int>(logits.shape(1));
  require(labels.size() == n, "labels", "must be (", n, ",)");
  train::Loss loss(classes, n);
  Array<float> diff({logits.shape(0), logits.shape(1)});
  train::LossResult result;
  const train::Distillation d{alpha, temperature, teaching_from(teaching)};
  if (teacher && d.teaching != train::Teaching::logits) {
    const auto t = view<float>(*teacher, "teacher");
    result = loss.teach(n, logits.data(), labels.data(), t.data(), d, diff.mutable_data());
  } else if (teacher) {
    const train::SoftTargets t = train::soft_targets(view<float>(*teacher, "teacher"), classes, temperature);
    result = loss.distill(n, logits.data(), labels.data(), t.probabilities.data(), t.entropy.data(), d,
                          diff.mutable_data());
  } else {
    result = loss.cross_entropy(n, logits.data(), labels.data(), diff.mutable_data());
  }
  return py::make_tuple(result.loss / n, diff);
}

}  // namespace

void train(py::module_& m) {
  py::class_<prune::Schedule>(m, "Schedule")
      .def(py::init([](double initial, double final, std::int64_t begin, std::int64_t end,
                       std::int64_t frequency, double power) {
             const prune::Schedule s{initial, final, begin, end, frequency, power};
             s.check();
             return s;
           }),
           py::arg("initial_sparsity"), py::arg("final_sparsity"), py::arg("begin_step"), py::arg("end_step"),
           py::arg("frequency"), py::arg("power"))
      .def("due", &prune::Schedule::due, py::arg("step"))
      .def("sparsity", &prune::Schedule::sparsity, py::arg("step"));

  py::class_<train::PruneTarget>(m, "PruneTarget", "A tensor to prune: groups, blocks and what follows them.")
      .def(py::init([](std::size_t param, std::vector<std::int32_t> group, std::vector<std::int32_t> block,
                       std::vector<std::size_t> followers) {
             return train::PruneTarget{param, {std::move(group), std::move(block)}, std::move(followers)};
           }),
           py::arg("param"), py::arg("group") = std::vector<std::int32_t>(),
           py::arg("block") = std::vector<std::int32_t>(), py::arg("followers") = std::vector<std::size_t>());
  py::class_<train::PruneRule>(m, "PruneRule", "A schedule and what it prunes.")
      .def(py::init([](const prune::Schedule& schedule, std::vector<train::PruneTarget> targets,
                       bool global) { return train::PruneRule{schedule, std::move(targets), global}; }),
           py::arg("schedule"), py::arg("targets"), py::arg("is_global") = false);
  py::class_<train::Distillation>(m, "Distillation")
      .def(py::init([](float alpha, float temperature, const std::string& teaching) {
             return train::Distillation{alpha, temperature, teaching_from(teaching)};
           }),
           py::arg("alpha"), py::arg("temperature"), py::arg("teaching") = "logits");
  py::class_<train::Hint>(m, "Hint", "What of a student's inside is compared with a teacher's.")
      .def(py::init([](const std::string& kind, int pixels, int channels, float weight) {
             require(kind == "features" || kind == "attention", "hint",
                     "must be features or attention; got '", kind, "'");
             using Kind = train::Hint::Kind;
             return train::Hint{kind == "features" ? Kind::features : Kind::attention, pixels, channels,
                                weight};
           }),
           py::arg("kind"), py::arg("pixels"), py::arg("channels"), py::arg("weight"));

  py::class_<Trainer>(m, "Trainer", "Trains a graph epoch by epoch with the GIL released.")
      .def(py::init<nn::Graph&, Source, Array<std::int32_t>, std::optional<Array<float>>, const std::string&,
                    const std::map<std::string, double>&, int, Key, std::optional<train::Distillation>,
                    std::vector<train::PruneRule>, std::int64_t, std::optional<std::vector<float>>, float,
                    bool, int, std::vector<train::Hint>>(),
           py::keep_alive<1, 2>(), py::arg("graph"), py::arg("x"), py::arg("y"), py::arg("teacher"),
           py::arg("optimizer"), py::arg("options"), py::arg("batch_size"), py::arg("key"),
           py::arg("distillation"), py::arg("pruning"), py::arg("first_step") = 0,
           py::arg("class_weights") = std::nullopt, py::arg("label_smoothing") = 0.0F,
           py::arg("flip") = false, py::arg("crop") = 0, py::arg("hints") = std::vector<train::Hint>())
      .def("epoch", &Trainer::epoch, py::arg("index"), py::arg("learning_rates"),
           "Trains on every sample once, with one learning rate a step or one for all; returns (mean loss, "
           "accuracy). "
           "Ctrl-C raises KeyboardInterrupt.")
      .def("order", &Trainer::order, py::arg("index"),
           "The samples in the order in which epoch `index` learns them, uint32.")
      .def_property_readonly("steps", &Trainer::steps)
      .def("optimizer_state", &Trainer::optimizer_state, "What the optimiser remembers: m/fc1/kernel, ...")
      .def("set_bit_costs", &Trainer::set_bit_costs, py::arg("weight"), py::arg("widths"),
           "What a learned bit of a weight costs in the loss: weight * widths[its tensor].")
      .def("set_optimizer_state", &Trainer::set_optimizer_state, py::arg("arrays"));

  m.def(
      "evaluate",
      [](nn::Graph& graph, const Source& x, const Array<std::int32_t>& y) {
        const Data data{to_samples(x), view<std::int32_t>(y, "y"), {}};
        Metrics metrics{};
        {
          const Exclusive exclusive(graph);
          metrics = qkd::train::evaluate(graph, data);
        }
        return tuple_of(metrics);
      },
      py::arg("graph"), py::arg("x"), py::arg("y"),
      "(mean cross-entropy, accuracy) of a graph on a labelled set.");
  m.def(
      "loss", &loss_of, py::arg("logits"), py::arg("labels"), py::arg("teacher") = std::nullopt,
      py::arg("alpha") = 1.0F, py::arg("temperature") = 1.0F, py::arg("teaching") = "logits",
      "(mean loss, d loss / d logits) of cross-entropy, or of distillation where teacher logits are given.");
  m.def(
      "attention_map",
      [](const Array<float>& a) {
        require(a.ndim() == 3, "attention_map", "needs (samples, pixels, channels)");
        Array<float> out({a.shape(0), a.shape(1)});
        for (py::ssize_t i = 0; i < a.shape(0); ++i)
          qkd::train::attention_map(static_cast<int>(a.shape(1)), static_cast<int>(a.shape(2)),
                                    a.data(i, 0, 0), out.mutable_data(i, 0));
        return out;
      },
      py::arg("a"),
      "(samples, pixels): sums of squares over channels, of norm one (Zagoruyko & Komodakis 2017).");
}

}  // namespace qkd::bind
