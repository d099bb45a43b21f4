// Bits of the ports of a design that Verilator made: an integer, or words of 32 bits where a port is wider than 64.
#include <cstdint>
#include <type_traits>

template <class Port>
void put(Port& port, int at, int bits, std::int64_t code) {
  const auto value = static_cast<std::uint64_t>(code);
  for (int i = 0; i < bits; ++i) {
    const std::uint64_t bit = i < 64 ? value >> i & 1 : 0;
    if constexpr (std::is_integral_v<Port>) {
      port = static_cast<Port>((port & ~(std::uint64_t{1} << (at + i))) | bit << (at + i));
    } else {
      auto& word = port[(at + i) / 32];
      word = (word & ~(EData{1} << (at + i) % 32)) | static_cast<EData>(bit << (at + i) % 32);
    }
  }
}

template <class Port>
std::int64_t get(const Port& port, int at, int bits, bool is_signed) {
  std::uint64_t value = 0;
  for (int i = 0; i < bits; ++i) {
    if constexpr (std::is_integral_v<Port>)
      value |= (static_cast<std::uint64_t>(port) >> (at + i) & 1) << i;
    else
      value |= static_cast<std::uint64_t>(port[(at + i) / 32] >> (at + i) % 32 & 1) << i;
  }
  const int spare = 64 - bits;
  return is_signed ? static_cast<std::int64_t>(value << spare) >> spare : static_cast<std::int64_t>(value);
}
