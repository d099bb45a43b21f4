// Trainings side by side, each spread over threads of its own: what ThreadSanitizer looks at.
#include <thread>
#include <vector>

#include "nn/exam.h"
#include "train/trainer.h"

namespace {

constexpr std::size_t kSamples = 32, kFeatures = 12 * 12 * 16, kClasses = 4;

std::vector<float> logits_after_training(std::uint64_t seed, int team) {
  set_threads(team);
  std::vector<float> x(kSamples * kFeatures);
  std::vector<std::int32_t> y(kSamples);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(Key(1).normal(i));
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = static_cast<std::int32_t>(Key(2).below(i, kClasses));
  Graph graph({12, 12, 16}, Layers{convolution("a", 32, {3, 3}), normalization("bn"),
                                   activation("relu", "relu"), flatten(), dense("out", kClasses)});
  graph.params().initialize(Key(seed));
  REQUIRE(graph.plan(16, true).shards() == 2);
  train::Trainer::Options options;
  options.batch_size = 16;
  options.key = Key(seed);
  const train::Data data{std::span<const float>(x), y, {}};
  train::Trainer trainer(graph, train::make_adam(graph.params(), {}), data, options);
  const float rate = 1e-2f;
  for (int epoch = 0; epoch < 2; ++epoch) trainer.epoch(epoch, {&rate, 1}, [] { return false; });
  std::vector<float> logits(kSamples * kClasses);
  train::predict(graph, std::span<const float>(x), logits);
  return logits;
}

}  // namespace

TEST_CASE("trainings at once give the bits of trainings one after the other", "[train][threads]") {
  const int before = threads();
  std::vector<std::vector<float>> alone, at_once(3);
  for (std::uint64_t seed = 0; seed < at_once.size(); ++seed) alone.push_back(logits_after_training(seed, 1));
  set_threads(before);
  std::vector<std::thread> threads;
  for (std::uint64_t seed = 0; seed < at_once.size(); ++seed)
    threads.emplace_back([&, seed] { at_once[seed] = logits_after_training(seed, 2); });
  for (std::thread& thread : threads) thread.join();
  REQUIRE(at_once == alone);
}
