// Vector kernels in double precision for covariance matrices of up to some hundred rows, compiled and chosen
// as those of kernels.h are; v3 and v4 give the same bits here too.
//
// Matrices have `ld` doubles a line, a multiple of kLine, and room for whole blocks of kLine lines: what is
// beyond n is zero, and stays so where a kernel writes. "By column": element (i, j) is a[i + j * ld]; "by
// row": a[i * ld + j].
#pragma once
#include <cstddef>

namespace qkd::simd {

inline constexpr int kLine = 8;
constexpr int padded(int n) { return (n + kLine - 1) / kLine * kLine; }

// What a stationary kernel compares: precisions 1 / l^2 (features), and which of them count as equal or not.
struct Scales {
  int features;
  const double* precisions;
  const bool* categorical;
  double signal;
};

struct Algebra {
  // The Cholesky factor of a (n, n) by column, in the place of its lower triangle; what is above the diagonal
  // is undefined. False where a is not positive definite.
  bool (*cholesky)(int n, double* a, std::ptrdiff_t ld);
  // r = l^-1 by row; l by column. The upper triangle of r, which must be zero, stays so.
  void (*invert_lower)(int n, const double* l, double* r, std::ptrdiff_t ld);
  // g = r' r by column, its lower triangle; what is above the diagonal is undefined. r by row.
  void (*gram_of_lower)(int n, const double* r, double* g, std::ptrdiff_t ld);
  // y (n) = r x, and y (n) = r' x, for a lower triangle r by row; both padded.
  void (*times)(int n, const double* r, std::ptrdiff_t ld, const double* x, double* y);
  void (*transposed_times)(int n, const double* r, std::ptrdiff_t ld, const double* x, double* y);

  // Matern-5/2 of s2 = 1 and its derivative by r2, where r2 (n) = d' precisions and d is (n, features) by
  // column.
  void (*matern)(int n, int features, const double* d, std::ptrdiff_t ld, const double* precisions, double* k,
                 double* slope);
  // y (features) = d' x.
  void (*weigh)(int n, int features, const double* d, std::ptrdiff_t ld, const double* x, double* y);

  // k (n, m) by row, m a multiple of kLine, lines of ldk doubles: covariances of w (n, features) and x (m,
  // features), both by column.
  void (*covariances)(const Scales& s, int n, const double* w, std::ptrdiff_t ldw, int m, const double* x,
                      std::ptrdiff_t ldx, double* k, std::ptrdiff_t ldk);
  // Of one x (features): k (n) and, for s2 = 1, dk/dr2 (n).
  void (*covariance)(const Scales& s, int n, const double* w, std::ptrdiff_t ldw, const double* x, double* k,
                     double* slope);
  // Squared norms (m) of the columns of r k; r (n, n) a lower triangle by row, k (n, m) by row.
  void (*squared_norms)(int n, const double* r, std::ptrdiff_t ld, int m, const double* k, std::ptrdiff_t ldk,
                        double* norms);
  // y (m) = k' x of k (n, m) by row; x (n).
  void (*column_sums)(int n, int m, const double* k, std::ptrdiff_t ldk, const double* x, double* y);
  // log (n), and Kumaraswamy's curve w = 1 - (1 - u^a)^b of log u (n) with its derivatives by log a and log
  // b, which may both be null.
  void (*log)(int n, const double* x, double* y);
  void (*kumaraswamy)(int n, const double* log_u, double a, double b, double* w, double* by_log_a,
                      double* by_log_b);
};

// The kernels for this processor, of the level that kernels() has.
const Algebra& algebra();

}  // namespace qkd::simd
