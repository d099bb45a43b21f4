#include "bind/gil.h"

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace qkd::bind {
namespace {

std::atomic<int> away = 0;  // threads that gave the GIL up and mean to come back
std::atomic<bool> ending = false;
std::thread::id ender;

constexpr auto kPatience = std::chrono::seconds(5);  // for what looks up too seldom: it is left computing

void end() {
  ender = std::this_thread::get_id();
  ending = true;
  const py::gil_scoped_release release;
  const auto begun = std::chrono::steady_clock::now();
  while (away > 0 && std::chrono::steady_clock::now() - begun < kPatience)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

// Without the GIL only.
void stand_still_at_exit() {
  if (!interpreter_ends()) return;
  --away;
  for (;;) pause();
}

// A forked child has none of its parent's other threads.
void nobody_is_away() noexcept { away = 0; }

}  // namespace

void end_with_interpreter() {
  pthread_atfork(nullptr, nullptr, nobody_is_away);
  py::module_::import("atexit").attr("register")(py::cpp_function(end));
}

bool interpreter_ends() { return ending && std::this_thread::get_id() != ender; }

Released::Released() {
  ++away;
  released_.emplace();
  stand_still_at_exit();
}

Released::~Released() {
  stand_still_at_exit();
  released_.reset();
  --away;
}

Held::Held() {
  stand_still_at_exit();
  held_.emplace();
}

}  // namespace qkd::bind
