#include "base/key.h"

#include "base/int128.h"
#include "base/simd/kernels.h"

#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

namespace qkd {
namespace {

using Block = std::array<std::uint32_t, 4>;

// Ten rounds of Philox4x32; constants from the paper, table 2.
Block philox(Block counter, std::uint32_t k0, std::uint32_t k1) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t b = std::uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ k0, static_cast<std::uint32_t>(b),
               static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ k1, static_cast<std::uint32_t>(a)};
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return counter;
}

// Draws and children use different counters, so a key and its children never share a block.
constexpr std::uint32_t kDraw = 0, kFold = 1;

Block at(std::uint64_t key, std::uint64_t n, std::uint32_t purpose) {
  return philox({static_cast<std::uint32_t>(n), static_cast<std::uint32_t>(n >> 32), purpose, 0},
                static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32));
}

// The word's share of [0, bound). Multiply-shift: its bias, bound / 2^64, is far below anything that can be
// seen.
std::uint64_t scaled(std::uint64_t word, std::uint64_t bound) {
  return static_cast<std::uint64_t>((static_cast<UInt128>(word) * bound) >> 64);
}

// The even or the odd 64-bit word of a block.
std::uint64_t word(const Block& b, bool odd) {
  return odd ? std::uint64_t{b[2]} << 32 | b[3] : std::uint64_t{b[0]} << 32 | b[1];
}

double unit(std::uint64_t word) { return static_cast<double>(word >> 11) * 0x1p-53; }  // [0, 1)

}  // namespace

Key Key::fold(std::uint64_t data) const {
  const Block b = at(value_, data, kFold);
  return Key(std::uint64_t{b[0]} << 32 | b[1]);
}

Key Key::fold(std::string_view name) const {
  std::uint64_t hash = 0xCBF29CE484222325;  // FNV-1a
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  return fold(hash);
}

std::array<std::uint32_t, 4> Key::block(std::uint64_t n) const { return at(value_, n, kDraw); }

std::uint64_t Key::bits(std::uint64_t n) const { return word(block(n / 2), n % 2 == 1); }

double Key::uniform(std::uint64_t n) const { return unit(bits(n)); }

double Key::normal(std::uint64_t n) const {  // Box-Muller; one block a number, the sine half unused
  const Block b = block(n);
  const double u = 1.0 - unit(word(b, false)), v = unit(word(b, true));
  return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v);
}

std::uint64_t Key::below(std::uint64_t n, std::uint64_t bound) const { return scaled(bits(n), bound); }

std::vector<std::uint32_t> Key::permutation(std::uint32_t n) const {
  constexpr std::uint32_t kBlocks = 128;  // drawn at a time, from the last to the first
  std::vector<std::uint32_t> order(n);
  std::iota(order.begin(), order.end(), 0u);
  std::array<Block, kBlocks> blocks{};
  std::uint32_t first = n / 2 + 1;  // of the blocks at hand; none yet
  for (std::uint32_t i = n; i > 1; --i) {
    const std::uint32_t wanted = i / 2;  // two words a block
    if (wanted < first) {
      first = wanted < kBlocks ? 0 : wanted - kBlocks + 1;
      simd::kernels().philox(value_, first, kDraw, static_cast<int>(wanted - first + 1), blocks[0].data());
    }
    std::swap(order[i - 1], order[scaled(word(blocks[wanted - first], i % 2 == 1), i)]);
  }
  return order;
}

}  // namespace qkd
