#include "train/teaching.h"

#include <algorithm>
#include <cmath>

namespace qkd::train {
namespace {

// a_p = sum_c A_pc^2, and its norm.
double energies(int pixels, int channels, const float* a, std::vector<double>& out) {
  out.assign(static_cast<std::size_t>(pixels), 0);
  double square = 0;
  for (double& e : out) {
    for (int c = 0; c < channels; ++c, ++a) e += static_cast<double>(*a) * static_cast<double>(*a);
    square += e * e;
  }
  return std::sqrt(square);
}

}  // namespace

TeachingTerm::TeachingTerm(Teaching kind, int classes, float temperature)
    : kind_(kind), temperature_(static_cast<double>(temperature)) {
  for (auto* v : {&s_, &t_, &u_, &v_, &p_, &q_, &g_}) v->resize(static_cast<std::size_t>(classes));
}

void TeachingTerm::softmax(const double* x, double divisor, std::vector<double>& p) const {
  const double top = *std::max_element(x, x + p.size());
  double sum = 0;
  for (std::size_t j = 0; j < p.size(); ++j) sum += p[j] = std::exp((x[j] - top) / divisor);
  for (double& v : p) v /= sum;
}

double TeachingTerm::add(const float* logits, const float* teacher, double scale, float* diff) {
  const std::size_t n = s_.size();
  std::copy_n(logits, n, s_.begin());
  std::copy_n(teacher, n, t_.begin());
  double value = 0;
  if (kind_ == Teaching::logits_mse) {
    for (std::size_t j = 0; j < n; ++j) {
      const double d = s_[j] - t_[j];
      value += d * d / static_cast<double>(n);
      g_[j] = 2 * d / static_cast<double>(n);
    }
  } else if (kind_ == Teaching::probabilities) {
    softmax(s_.data(), temperature_, p_);
    softmax(t_.data(), temperature_, q_);
    double mean = 0;
    for (std::size_t j = 0; j < n; ++j) {
      value += (p_[j] - q_[j]) * (p_[j] - q_[j]);
      mean += p_[j] * (p_[j] - q_[j]);
    }
    for (std::size_t j = 0; j < n; ++j) g_[j] = 2 * p_[j] * (p_[j] - q_[j] - mean) / temperature_;
  } else {
    softmax(s_.data(), 1, u_);
    softmax(t_.data(), 1, v_);
    softmax(u_.data(), temperature_, p_);
    softmax(v_.data(), temperature_, q_);
    double mean = 0;
    for (std::size_t j = 0; j < n; ++j) {
      value += q_[j] * std::log(q_[j] / p_[j]);
      mean += u_[j] * (p_[j] - q_[j]) / temperature_;
    }
    for (std::size_t j = 0; j < n; ++j) g_[j] = u_[j] * ((p_[j] - q_[j]) / temperature_ - mean);
  }
  for (std::size_t j = 0; j < n; ++j) diff[j] += static_cast<float>(scale * g_[j]);
  return value;
}

void attention_map(int pixels, int channels, const float* a, float* q) {
  std::vector<double> e;
  const double norm = energies(pixels, channels, a, e);
  for (int p = 0; p < pixels; ++p)
    q[p] = norm > 0 ? static_cast<float>(e[static_cast<std::size_t>(p)] / norm) : 0.0f;
}

double Hint::apply(const float* student, const float* teacher, double scale, float* diff) const {
  const double w = static_cast<double>(weight);
  double value = 0;
  if (kind == Kind::features) {
    const int n = student_size();
    for (int i = 0; i < n; ++i) {
      const double d = static_cast<double>(student[i]) - static_cast<double>(teacher[i]);
      value += d * d / n;
      diff[i] = static_cast<float>(scale * w * 2 * d / n);
    }
    return w * value;
  }
  std::vector<double> e, g(static_cast<std::size_t>(pixels));
  const double norm = energies(pixels, channels, student, e);
  double along = 0;  // of the gradient, q: what keeping |q| = 1 takes away
  for (std::size_t p = 0; p < g.size(); ++p) {
    const double q = norm > 0 ? e[p] / norm : 0, d = q - static_cast<double>(teacher[p]);
    value += d * d / pixels;
    g[p] = 2 * d / pixels;
    along += g[p] * q;
    e[p] = q;
  }
  for (std::size_t p = 0; p < g.size(); ++p)
    for (int c = 0; c < channels; ++c, ++student, ++diff)
      *diff = norm > 0 ? static_cast<float>(scale * w * 2 * static_cast<double>(*student) *
                                            (g[p] - along * e[p]) / norm)
                       : 0.0f;
  return w * value;
}

}  // namespace qkd::train
