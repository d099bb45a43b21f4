// Kernels against plain loops, and the vector levels against each other.
#include "base/simd/kernels.h"

#include <cmath>
#include <vector>

#include "base/key.h"
#include "catch.h"

namespace qkd::simd {
extern const Kernels kernels_v2;
#if defined(__x86_64__)
extern const Kernels kernels_v3, kernels_v4;
#endif
}  // namespace qkd::simd

using qkd::Key;
using qkd::simd::Kernels;

namespace {

std::vector<const Kernels*> levels() {
  std::vector<const Kernels*> all{&qkd::simd::kernels_v2};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("x86-64-v3")) all.push_back(&qkd::simd::kernels_v3);
  if (__builtin_cpu_supports("x86-64-v4")) all.push_back(&qkd::simd::kernels_v4);
#endif
  return all;
}

std::vector<float> normals(Key key, std::size_t n) {
  std::vector<float> x(n);
  for (std::size_t i = 0; i < n; ++i) x[i] = static_cast<float>(key.normal(i));
  return x;
}

}  // namespace

TEST_CASE("gemm equals the sums it stands for, at every width and on every level", "[simd]") {
  const Key key(1);
  for (const Kernels* k : levels())
    for (const int m : {1, 2, 3, 7, 9, 32})
      for (const int n : {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 20, 33, 40})
        for (const int inner : {1, 5, 30}) {
          const auto a = normals(key.fold(1), static_cast<std::size_t>(m * inner));
          const auto b = normals(key.fold(2), static_cast<std::size_t>(inner * n));
          const auto bias = normals(key.fold(3), static_cast<std::size_t>(n));
          std::vector<float> c(static_cast<std::size_t>(m * n), NAN), t(c);
          k->gemm(m, n, inner, a.data(), inner, 1, b.data(), n, bias.data(), c.data(), n);
          std::vector<float> added(c.size(), 1.0f);  // what was there before
          k->gemm_add(m, n, inner, a.data(), inner, 1, b.data(), n, nullptr, added.data(), n);
          // The same a, read as the transpose of (inner, m): row stride 1, column stride m.
          std::vector<float> at(a.size());
          k->transpose(m, inner, a.data(), at.data());
          k->gemm(m, n, inner, at.data(), 1, m, b.data(), n, nullptr, t.data(), n);
          for (int i = 0; i < m; ++i)
            for (int j = 0; j < n; ++j) {
              double sum = 0, size = 1;
              for (int p = 0; p < inner; ++p) {
                const double product = static_cast<double>(a[static_cast<std::size_t>(i * inner + p)]) *
                                       static_cast<double>(b[static_cast<std::size_t>(p * n + j)]);
                sum += product;
                size += std::fabs(product);
              }
              const double with_bias = sum + static_cast<double>(bias[static_cast<std::size_t>(j)]);
              REQUIRE(std::fabs(static_cast<double>(c[static_cast<std::size_t>(i * n + j)]) - with_bias) <
                      3e-6 * size);
              REQUIRE(std::fabs(static_cast<double>(t[static_cast<std::size_t>(i * n + j)]) - sum) <
                      3e-6 * size);
              REQUIRE(std::fabs(static_cast<double>(added[static_cast<std::size_t>(i * n + j)]) - 1 - sum) <
                      3e-6 * size);
            }
        }
}

TEST_CASE("column sums keep their digits over many rows, and have the same bits on every level", "[simd]") {
  for (const int rows : {1, 3, 4, 31, 32, 33, 64, 100, 20000})
    for (const int columns : {1, 4, 7, 16, 33}) {
      const auto size = static_cast<std::size_t>(rows * columns);
      std::vector<float> x = normals(Key(2), size);
      for (float& v : x) v += 3;  // sums that grow with the rows
      std::vector<std::vector<float>> sums;
      for (const Kernels* k : levels()) {
        sums.emplace_back(static_cast<std::size_t>(columns), NAN);
        k->column_sums(rows, columns, x.data(), sums.back().data());
        CHECK(sums.back() == sums.front());
      }
      for (int j = 0; j < columns; ++j) {
        double sum = 0;
        for (int i = 0; i < rows; ++i)
          sum += static_cast<double>(x[static_cast<std::size_t>(i * columns + j)]);
        INFO(rows << " " << columns);
        CHECK_THAT(static_cast<double>(sums.front()[static_cast<std::size_t>(j)]),
                   Catch::Matchers::WithinRel(sum, 1e-5));
      }
    }
}

TEST_CASE("AVX2 and AVX-512 give the same bits, and a row does wherever it stands", "[simd]") {
  const auto all = levels();
  if (all.size() < 3) {
    WARN("SKIPPED: this processor lacks AVX-512 or AVX2");
    return;
  }
  const Kernels &v3 = *all[1], &v4 = *all[2];
  const Key key(2);
  const auto a = normals(key.fold(1), 37 * 30), b = normals(key.fold(2), 30 * 40);
  for (int n = 1; n <= 40; ++n)
    for (const int m : {1, 2, 5, 6, 8, 17, 37}) {
      const auto size = static_cast<std::size_t>(m * n);
      std::vector<float> c3(size), c4(size), row(static_cast<std::size_t>(n));
      v3.gemm(m, n, 30, a.data(), 30, 1, b.data(), n, nullptr, c3.data(), n);
      v4.gemm(m, n, 30, a.data(), 30, 1, b.data(), n, nullptr, c4.data(), n);
      REQUIRE(c3 == c4);
      v4.gemm(1, n, 30, a.data() + (m - 1) * 30, 30, 1, b.data(), n, nullptr, row.data(), n);
      REQUIRE(std::equal(row.begin(), row.end(), c4.end() - n));
    }

  for (const int outs : {1, 3, 8, 12, 33}) {  // over an image (7, 9, 3), and the same channel by channel
    const qkd::simd::Convolution full{5, 7, outs, 3, 9, 27, 27, 3},
        own{5, 5, outs, 3, 3 * outs, 9 * outs, 9 * outs, outs};
    const auto image = normals(key.fold(5), 7 * 9 * 33 + 16), taps = normals(key.fold(6), 27 * 33 + 16);
    const auto of = [&](const Kernels& k) {
      const auto size = static_cast<std::size_t>(35 * outs);
      std::vector<float> y(size + 16), gradient(static_cast<std::size_t>(27 * outs)), z(size),
          depth(gradient.size());
      k.convolve(full, image.data(), taps.data(), taps.data(), -1, 2, y.data());
      k.convolve_gradient(full, image.data(), y.data(), gradient.data());
      k.depthwise(own, image.data(), taps.data(), taps.data(), -1, 2, z.data());
      k.depthwise_gradient(own, image.data(), y.data(), depth.data());
      y.resize(size);
      for (const auto* more : {&gradient, &z, &depth}) y.insert(y.end(), more->begin(), more->end());
      return y;
    };
    REQUIRE(of(v3) == of(v4));
  }

  for (const int columns : {1, 3, 7, 12, 16, 29, 150}) {
    const int rows = 67;
    const auto size = static_cast<std::size_t>(rows * columns), n = static_cast<std::size_t>(columns);
    const auto x = normals(key.fold(7), size), d = normals(key.fold(8), size), s = normals(key.fold(9), n),
               o = normals(key.fold(10), n);
    const qkd::simd::ClippedLine clip{s.data(), o.data(), 0, 1};
    const auto of = [&](const Kernels& k) {
      std::vector<float> y(3 * size);
      std::vector<double> sums(4 * n);
      k.moments(rows, columns, x.data(), o.data(), sums.data());
      k.centred_sums(rows, columns, x.data(), d.data(), o.data(), &clip, &sums[2 * n]);
      k.line(rows, columns, x.data(), s.data(), o.data(), 0, 1, y.data());
      k.two_lines(rows, columns, d.data(), s.data(), x.data(), o.data(), s.data(), &clip, &y[size]);
      k.rescale(rows, columns, x.data(), s.data(), o.data(), &y[2 * size]);
      return std::pair(y, sums);
    };
    REQUIRE(of(v3) == of(v4));
  }

  auto w3 = normals(key.fold(3), 101), w4 = w3;
  const auto g = normals(key.fold(4), 101);
  std::vector<float> m3(101), m4(101), u3(101), u4(101);
  for (int step = 0; step < 5; ++step) {
    v3.adam(101, w3.data(), g.data(), nullptr, m3.data(), u3.data(), {1e-2f, 0.9f, 0.999f, 1e-7f, 0, -2, 2});
    v4.adam(101, w4.data(), g.data(), nullptr, m4.data(), u4.data(), {1e-2f, 0.9f, 0.999f, 1e-7f, 0, -2, 2});
  }
  REQUIRE(w3 == w4);

  std::vector<float> p3(a.size()), p4(a.size()), s3(222), s4(222);
  v3.softmax(222, 5, a.data(), 0.5f, p3.data(), s3.data());
  v4.softmax(222, 5, a.data(), 0.5f, p4.data(), s4.data());
  REQUIRE(p3 == p4);
  REQUIRE(s3 == s4);
}

TEST_CASE("softmax and its log sum are accurate, for logits of any size", "[simd]") {
  for (const Kernels* k : levels())
    for (const float spread : {0.01f, 1.0f, 30.0f, 500.0f}) {
      auto x = normals(Key(3), 6 * 7);
      for (float& v : x) v *= spread;
      std::vector<float> p(x.size()), log_sum(6);
      k->softmax(6, 7, x.data(), 0.25f, p.data(), log_sum.data());
      for (std::size_t i = 0; i < 6; ++i) {
        double top = -1e300, sum = 0;
        for (std::size_t j = 0; j < 7; ++j) top = std::max(top, 0.25 * static_cast<double>(x[i * 7 + j]));
        for (std::size_t j = 0; j < 7; ++j) sum += std::exp(0.25 * static_cast<double>(x[i * 7 + j]) - top);
        for (std::size_t j = 0; j < 7; ++j)
          REQUIRE(static_cast<double>(p[i * 7 + j]) ==
                  Approx(std::exp(0.25 * static_cast<double>(x[i * 7 + j]) - top) / sum)
                      .margin(1e-7)
                      .epsilon(2e-5));
        REQUIRE(static_cast<double>(log_sum[i]) == Approx(top + std::log(sum)).margin(1e-5).epsilon(1e-6));
      }
    }
}

TEST_CASE("a pruned weight does not move, whatever momentum it had", "[simd]") {
  for (const Kernels* k : levels()) {
    float w[2] = {0, 1}, mask[2] = {0, 1}, g[2] = {1, 1}, m[2] = {5, 5}, v[2] = {1, 1}, speed[2] = {3, 3};
    k->adam(2, w, g, mask, m, v, {0.1f, 0.9f, 0.999f, 1e-7f, 0, -9, 9});
    k->sgd(2, w, g, mask, speed, 0.1f, 0.9f, true, -9, 9);
    REQUIRE(w[0] == 0);
    REQUIRE(w[1] < 1);
  }
}

TEST_CASE("fake quantisers round ties as they say, saturate, and let NaN through", "[simd]") {
  using qkd::simd::FakeRounding;
  const std::vector<float> x{-9, -2.5f, -1.5f, -0.5f, 0.49999997f, 0.5f, 1.5f, 2.5f, 9, NAN};
  const std::vector<float> up{-3, -2, -1, 0, 0, 1, 2, 3, 3}, even{-3, -2, -2, 0, 0, 0, 2, 2, 3},
      down{-3, -3, -2, -1, 0, 0, 1, 2, 3};
  for (const Kernels* k : levels()) {
    std::vector<float> y(x.size());
    const auto check = [&](FakeRounding rounding, const std::vector<float>& wanted) {
      k->quantize(x.size(), x.data(), nullptr, {1, 1, -3, 3, rounding}, y.data());
      for (std::size_t i = 0; i < wanted.size(); ++i) REQUIRE(y[i] == wanted[i]);
      REQUIRE(std::isnan(y.back()));
    };
    check(FakeRounding::half_up, up);
    check(FakeRounding::half_even, even);
    check(FakeRounding::floor, down);
  }
}

TEST_CASE("a clipped line's gradient is that of the clip and then of the line, to the bit", "[simd]") {
  const Key key(12);
  const int rows = 45, columns = 21;
  const std::size_t n = rows * columns;
  const std::vector<float> src = normals(key.fold(1), n), diff = normals(key.fold(2), n),
                           mean = normals(key.fold(3), columns), slope = normals(key.fold(4), columns),
                           offset = normals(key.fold(5), columns), of_src = normals(key.fold(6), columns);
  for (const Kernels* k : levels()) {
    const qkd::simd::ClippedLine clip{slope.data(), offset.data(), 0.0f, 0.75f};
    std::vector<float> y(n), passed(n), one(n), other(n);
    k->line(rows, columns, src.data(), slope.data(), offset.data(), clip.low, clip.high, y.data());
    k->pass_between(n, y.data(), clip.low, std::nextafter(clip.high, clip.low), diff.data(), passed.data());
    std::vector<double> two_steps(2 * columns), at_once(2 * columns);
    k->centred_sums(rows, columns, src.data(), passed.data(), mean.data(), nullptr, two_steps.data());
    k->centred_sums(rows, columns, src.data(), diff.data(), mean.data(), &clip, at_once.data());
    REQUIRE(two_steps == at_once);
    k->two_lines(rows, columns, passed.data(), slope.data(), src.data(), of_src.data(), offset.data(),
                 nullptr, one.data());
    k->two_lines(rows, columns, diff.data(), slope.data(), src.data(), of_src.data(), offset.data(), &clip,
                 other.data());
    REQUIRE(one == other);
    REQUIRE(passed != diff);
  }
}
