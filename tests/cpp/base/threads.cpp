// Teams of threads, and the mutex that a fork leaves behind.
#include "base/threads.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "base/process_mutex.h"
#include "base/team.h"
#include "catch.h"

using namespace qkd;

namespace {

// How often each of `count` bodies ran.
std::vector<int> ran(int team, int count) {
  std::vector<int> times(static_cast<std::size_t>(count));
  spread_over_team(team, count, [&](int i) { ++times[static_cast<std::size_t>(i)]; });
  return times;
}

// What a child that tries to lock gives: 0 where it could, 1 where it was told, 2 anything else.
int in_a_child(ProcessMutex& mutex) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);  // a child that waits is ended, and shows
    try {
      mutex.lock();
      _exit(0);
    } catch (const EnvironmentError&) {
      _exit(1);
    }
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

}  // namespace

TEST_CASE("a team does everything once, whether the system starts its threads or not", "[threads]") {
  for (const int count : {1, 3, 10})
    REQUIRE(ran(3, count) == std::vector<int>(static_cast<std::size_t>(count), 1));
  pthread_attr_t before{}, huge{};
  REQUIRE(pthread_getattr_default_np(&before) == 0);
  REQUIRE(pthread_attr_init(&huge) == 0);
  REQUIRE(pthread_attr_setstacksize(&huge, std::size_t{1} << 50U) == 0);  // more than there are addresses
  REQUIRE(pthread_setattr_default_np(&huge) == 0);
  bool refused = false;
  try {
    std::thread([] {}).join();
  } catch (const std::system_error&) {
    refused = true;
  }
  const std::vector<int> times = ran(4, 10);
  pthread_setattr_default_np(&before);
  pthread_attr_destroy(&before);
  pthread_attr_destroy(&huge);
  REQUIRE(refused);
  REQUIRE(times == std::vector<int>(10, 1));
}

TEST_CASE("a process mutex lets one thread in, and tells a forked child who holds it", "[threads]") {
  ProcessMutex mutex;
  int sum = 0;
  const auto add = [&] {
    for (int i = 0; i < 20000; ++i) {
      const std::lock_guard<ProcessMutex> lock(mutex);
      ++sum;
    }
  };
  std::thread other(add);
  add();
  other.join();
  REQUIRE(sum == 40000);
  REQUIRE(in_a_child(mutex) == 0);
  REQUIRE(!mutex.is_locked());  // the child's was its own
  mutex.lock();
  REQUIRE(in_a_child(mutex) == 1);
  mutex.unlock();
  REQUIRE(in_a_child(mutex) == 0);
}

TEST_CASE("a fork at any moment leaves a mutex that can be locked or is known to be held", "[threads]") {
  ProcessMutex mutex;
  std::atomic<bool> stop = false;
  std::thread busy([&] {
    while (!stop) {
      mutex.lock();
      mutex.unlock();
    }
  });
  int hung = 0;
  for (int i = 0; i < 200 && hung == 0; ++i) hung += in_a_child(mutex) == 2;
  stop = true;
  busy.join();
  REQUIRE(hung == 0);
}
