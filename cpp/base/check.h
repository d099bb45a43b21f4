// Errors that teach: `[where] what is required; got what`, with a hint where there is a cure.
#pragma once
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

namespace qkd {

// The caller's fault; becomes ValueError in Python.
struct ValueError : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

// The environment's fault; becomes RuntimeError in Python.
struct EnvironmentError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <typename... Parts>
std::string concat(Parts&&... parts) {
  std::ostringstream out;
  (out << ... << std::forward<Parts>(parts));
  return out.str();
}

// require(n > 0, "Dense fc1", "units must be positive; got ", n)
template <typename... Parts>
void require(bool holds, const std::string& where, Parts&&... parts) {
  if (!holds) throw ValueError(concat("[", where, "] ", std::forward<Parts>(parts)...));
}

}  // namespace qkd
