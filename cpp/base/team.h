// A team of threads for one call: for builds without OpenMP.
#pragma once
#include <system_error>
#include <thread>
#include <vector>

namespace qkd {

// Calls body(0) .. body(count - 1), which must not throw, from `team` threads of which the caller is one. It
// also does the work of those that the system refuses to start.
template <typename Body>
void spread_over_team(int team, int count, const Body& body) {
  const auto share = [&](int member) {
    for (int i = member; i < count; i += team) body(i);
  };
  std::vector<std::thread> others;
  others.reserve(static_cast<std::size_t>(team));
  int started = 1;
  bool refused = false;  // too many threads, or no room for a stack
  while (started < team && !refused) {
    try {
      others.emplace_back(share, started);
      ++started;
    } catch (const std::system_error&) {
      refused = true;
    }
  }
  share(0);
  for (; started < team; ++started) share(started);
  for (std::thread& other : others) other.join();
}

}  // namespace qkd
