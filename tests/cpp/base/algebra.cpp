// Double-precision kernels against Eigen and libm, and the vector levels against each other.
#include "base/simd/algebra.h"

#include <Eigen/Dense>
#include <cmath>
#include <vector>

#include "base/key.h"
#include "catch.h"

namespace qkd::simd {
extern const Algebra algebra_v2;
#if defined(__x86_64__)
extern const Algebra algebra_v3, algebra_v4;
#endif
}  // namespace qkd::simd

using Eigen::MatrixXd;
using Eigen::VectorXd;
using qkd::Key;
using qkd::simd::Algebra;
using qkd::simd::padded;
using RowMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

namespace {

std::vector<const Algebra*> levels() {
  std::vector<const Algebra*> all{&qkd::simd::algebra_v2};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("x86-64-v3")) all.push_back(&qkd::simd::algebra_v3);
  if (__builtin_cpu_supports("x86-64-v4")) all.push_back(&qkd::simd::algebra_v4);
#endif
  return all;
}

// (rows, columns), zero beyond `filled` rows.
MatrixXd normals(Key key, int filled, int rows, int columns) {
  MatrixXd x = MatrixXd::Zero(rows, columns);
  for (int j = 0; j < columns; ++j)
    for (int i = 0; i < filled; ++i) x(i, j) = key.normal(static_cast<std::uint64_t>(i * columns + j));
  return x;
}

bool near(const MatrixXd& a, const MatrixXd& b, double tolerance) {
  return (a - b).cwiseAbs().maxCoeff() <= tolerance * (1 + b.cwiseAbs().maxCoeff());
}

}  // namespace

TEST_CASE("factor, inverse, Gram matrix and products are Eigen's, at every size and on every level",
          "[simd]") {
  for (const int n : {1, 2, 7, 8, 9, 16, 17, 23, 33, 50, 64})
    for (const int spare : {0, 8}) {
      const int wide = padded(n) + spare;
      const MatrixXd seed = normals(Key(1), n, n, n),
                     a = seed * seed.transpose() + 0.1 * n * MatrixXd::Identity(n, n);
      const MatrixXd lower = a.llt().matrixL(), inverse = lower.inverse(),
                     gram = inverse.transpose() * inverse;
      const VectorXd x = normals(Key(2), n, wide, 1);
      std::vector<MatrixXd> bits;
      for (const Algebra* k : levels()) {
        MatrixXd l = MatrixXd::Zero(wide, wide), g = l;
        RowMatrix r = RowMatrix::Zero(wide, wide);
        VectorXd y = VectorXd::Zero(wide), back = y;
        l.topLeftCorner(n, n) = a;
        REQUIRE(k->cholesky(n, l.data(), wide));
        k->invert_lower(n, l.data(), r.data(), wide);
        k->gram_of_lower(n, r.data(), g.data(), wide);
        k->times(n, r.data(), wide, x.data(), y.data());
        k->transposed_times(n, r.data(), wide, x.data(), back.data());
        const MatrixXd factor = l.topLeftCorner(n, n).triangularView<Eigen::Lower>();
        const MatrixXd squares = g.topLeftCorner(n, n).triangularView<Eigen::Lower>();
        CHECK(near(factor, lower, 1e-13));
        CHECK(near(r.topLeftCorner(n, n), inverse, 1e-12));
        CHECK(r.bottomRows(wide - n).isZero(0));
        CHECK(near(squares, gram.triangularView<Eigen::Lower>(), 1e-12));
        CHECK(near(y.head(n), inverse * x.head(n), 1e-12));
        CHECK(near(back.head(n), inverse.transpose() * x.head(n), 1e-12));
        MatrixXd all(n, 3 * n + 2);
        all << factor, r.topLeftCorner(n, n), squares, y.head(n), back.head(n);
        bits.push_back(all);
      }
      if (bits.size() == 3) CHECK(bits[1] == bits[2]);
    }
}

TEST_CASE("what is not positive definite has no factor", "[simd]") {
  for (const Algebra* k : levels())
    for (const double last : {0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
      MatrixXd a = MatrixXd::Identity(16, 16);
      a(9, 9) = last;
      CHECK_FALSE(k->cholesky(10, a.data(), 16));
    }
}

TEST_CASE("covariances are Matern's of the distance, in every shape and on every level", "[simd]") {
  const double precisions[] = {0.3, 2, 40};
  const bool categorical[] = {false, true, false};
  const qkd::simd::Scales scales{3, precisions, categorical, 1.7};
  for (const int n : {1, 5, 8, 19}) {
    const int m = 24, wide = padded(n);
    MatrixXd w = normals(Key(3), n, wide, 3), x = normals(Key(4), m, m, 3);
    w.col(1) = w.col(1).array().round();
    x.col(1) = x.col(1).array().round();
    MatrixXd expected(n, m), slopes(n, m);
    for (int i = 0; i < n; ++i)
      for (int j = 0; j < m; ++j) {
        double r2 = w(i, 1) != x(j, 1) ? precisions[1] : 0;
        for (const int f : {0, 2}) r2 += precisions[f] * std::pow(w(i, f) - x(j, f), 2);
        const double q = std::sqrt(5 * r2);
        expected(i, j) = 1.7 * (1 + q + q * q / 3) * std::exp(-q);
        slopes(i, j) = -5.0 / 6 * (1 + q) * std::exp(-q);
      }
    const MatrixXd lower = normals(Key(5), n, wide, wide).triangularView<Eigen::Lower>();
    RowMatrix root = RowMatrix::Zero(wide, wide);
    root.topLeftCorner(n, n) = lower.topLeftCorner(n, n);
    const VectorXd a = normals(Key(6), n, n, 1);
    std::vector<MatrixXd> bits;
    for (const Algebra* k : levels()) {
      RowMatrix all(n, m);
      k->covariances(scales, n, w.data(), wide, m, x.data(), m, all.data(), m);
      CHECK(near(all, expected, 1e-14));
      VectorXd one(wide), slope(wide), norms(m), sums(m);
      const VectorXd point = x.row(11);
      k->covariance(scales, n, w.data(), wide, point.data(), one.data(), slope.data());
      CHECK(near(one.head(n), expected.col(11), 1e-14));
      CHECK(near(slope.head(n), slopes.col(11), 1e-14));
      CHECK(one.tail(wide - n).isZero(0));
      k->squared_norms(n, root.data(), wide, m, all.data(), m, norms.data());
      CHECK(near(norms, (root.topLeftCorner(n, n) * expected).colwise().squaredNorm().transpose(), 1e-13));
      k->column_sums(n, m, all.data(), m, a.data(), sums.data());
      CHECK(near(sums, expected.transpose() * a, 1e-13));
      MatrixXd found(n + 2, m);
      found << all, norms.transpose(), sums.transpose();
      bits.push_back(found);
    }
    if (bits.size() == 3) CHECK(bits[1] == bits[2]);
  }
}

TEST_CASE("pairs, logarithms and warps are those of their formulas, tails included", "[simd]") {
  for (const int n : {1, 3, 8, 21}) {
    const MatrixXd d = normals(Key(7), n, n, 2).cwiseAbs() * 30;
    const VectorXd precisions = VectorXd::Constant(2, 3.5), x = normals(Key(8), n, n, 1);
    const VectorXd u = normals(Key(9), n, n, 1).cwiseAbs() + VectorXd::Constant(n, 1e-6);
    for (const Algebra* k : levels()) {
      // One more than is asked for, to see that it is left alone.
      VectorXd value = VectorXd::Constant(n + 1, -7), slope = value, sums(2), logs = value;
      k->matern(n, 2, d.data(), n, precisions.data(), value.data(), slope.data());
      k->weigh(n, 2, d.data(), n, x.data(), sums.data());
      k->log(n, u.data(), logs.data());
      CHECK(near(sums, d.transpose() * x, 1e-13));
      for (int i = 0; i < n; ++i) {
        const double q = std::sqrt(5 * 3.5 * (d(i, 0) + d(i, 1)));
        CHECK(value[i] == Approx((1 + q + q * q / 3) * std::exp(-q)).epsilon(1e-13));
        CHECK(slope[i] == Approx(-5.0 / 6 * (1 + q) * std::exp(-q)).epsilon(1e-13));
        CHECK(logs[i] == Approx(std::log(u[i])).epsilon(1e-14).margin(1e-16));
      }
      CHECK(value[n] == -7);
      CHECK(slope[n] == -7);
      CHECK(logs[n] == -7);
    }
  }
  // Far away nothing is left, and nothing underflows into trouble.
  for (const Algebra* k : levels()) {
    const double far[] = {0, 1e6, 1e9}, one = 1;
    double value[3], slope[3];
    k->matern(3, 1, far, 3, &one, value, slope);
    CHECK(value[0] == 1);
    CHECK(value[1] >= 0);
    CHECK(value[1] < 1e-290);
    CHECK(value[2] >= 0);
    CHECK(value[2] < 1e-290);
  }
}
