#include "bayes/sobol.h"

#include <array>

namespace qkd::bayes {
namespace {

// A primitive polynomial over GF(2): its degree, its inner coefficients, and the odd numbers m_1 .. m_degree.
struct Polynomial {
  int degree;
  std::uint32_t inner;
  std::array<std::uint32_t, 7> m;
};

constexpr std::array<Polynomial, 20> kPolynomials = {{
    {1, 0, {1}},
    {2, 1, {1, 3}},
    {3, 1, {1, 3, 1}},
    {3, 2, {1, 1, 1}},
    {4, 1, {1, 1, 3, 3}},
    {4, 4, {1, 3, 5, 13}},
    {5, 2, {1, 1, 5, 5, 17}},
    {5, 4, {1, 1, 5, 5, 5}},
    {5, 7, {1, 1, 7, 11, 19}},
    {5, 11, {1, 1, 5, 1, 1}},
    {5, 13, {1, 1, 1, 3, 11}},
    {5, 14, {1, 3, 5, 5, 31}},
    {6, 1, {1, 3, 3, 9, 7, 49}},
    {6, 13, {1, 1, 1, 15, 21, 21}},
    {6, 16, {1, 3, 1, 13, 27, 49}},
    {6, 19, {1, 1, 1, 15, 7, 5}},
    {6, 22, {1, 3, 1, 15, 13, 25}},
    {6, 25, {1, 1, 5, 5, 19, 61}},
    {7, 1, {1, 3, 7, 11, 23, 15, 103}},
    {7, 4, {1, 3, 7, 13, 13, 15, 69}},
}};

using Directions = std::array<std::uint32_t, 32>;
constexpr std::size_t kTable = kPolynomials.size() + 1;

constexpr std::array<Directions, kTable> kDirections = [] {
  std::array<Directions, kTable> all{};
  for (int i = 0; i < 32; ++i) all[0][static_cast<std::size_t>(i)] = 1u << (31 - i);  // van der Corput
  for (std::size_t d = 1; d < kTable; ++d) {
    const Polynomial& p = kPolynomials[d - 1];
    for (int i = 0; i < 32; ++i) {
      const auto at = [&v = all[d]](int k) -> std::uint32_t& { return v[static_cast<std::size_t>(k)]; };
      if (i < p.degree) {
        at(i) = p.m[static_cast<std::size_t>(i)] << (31 - i);
        continue;
      }
      at(i) = at(i - p.degree) ^ (at(i - p.degree) >> p.degree);
      for (int k = 1; k < p.degree; ++k) {
        if (p.inner >> (p.degree - 1 - k) & 1) at(i) ^= at(i - k);
      }
    }
  }
  return all;
}();

std::uint32_t reversed(std::uint32_t x) {
  x = x >> 16 | x << 16;
  x = (x & 0xFF00FF00) >> 8 | (x & 0x00FF00FF) << 8;
  x = (x & 0xF0F0F0F0) >> 4 | (x & 0x0F0F0F0F) << 4;
  x = (x & 0xCCCCCCCC) >> 2 | (x & 0x33333333) << 2;
  return (x & 0xAAAAAAAA) >> 1 | (x & 0x55555555) << 1;
}

// Each bit is flipped as a function of the bits above it.
std::uint32_t scrambled(std::uint32_t x, std::uint32_t seed) {
  x = reversed(x) + seed;
  for (const std::uint32_t factor : {0x6C50B47Cu, 0xB82F1E52u, 0xC7AFE638u, 0x8D22F6E6u}) x ^= x * factor;
  return reversed(x);
}

}  // namespace

Eigen::MatrixXd sobol(Key key, std::uint32_t first, int n, int dimensions) {
  Eigen::MatrixXd points(n, dimensions);
  for (int d = 0; d < dimensions; ++d) {
    const Key own = key.fold(static_cast<std::uint64_t>(d));
    const auto seed = static_cast<std::uint32_t>(own.bits(0));
    for (int row = 0; row < n; ++row) {
      const std::uint32_t index = first + static_cast<std::uint32_t>(row);
      if (static_cast<std::size_t>(d) >= kTable) {
        points(row, d) = own.uniform(index + 1);
        continue;
      }
      std::uint32_t x = 0;
      for (std::size_t bit = 0; index >> bit != 0 && bit < 32; ++bit) {
        if (index >> bit & 1) x ^= kDirections[static_cast<std::size_t>(d)][bit];
      }
      points(row, d) = (scrambled(x, seed) + 0.5) * 0x1p-32;
    }
  }
  return points;
}

}  // namespace qkd::bayes
