// Whether a handshake is held up in a clock, drawn from a seed (splitmix64).
#include <cstdint>

class Chance {
 public:
  explicit Chance(std::uint64_t seed) : state_(seed) {}
  bool below(int of_256) {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return static_cast<int>((z ^ z >> 31) & 255) < of_256;
  }

 private:
  std::uint64_t state_;
};
