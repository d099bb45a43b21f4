// What a student is told beside its labels: other terms than tempered logits, and hints from inside the
// network.
//
// Notation: s = student logits, t = teacher logits, n = classes, p_T(x) = softmax(x / T); means over the
// batch.
//   logits_mse     sum_j (s_j - t_j)^2 / n                             Ba & Caruana 2014; Weng et al. 2023
//   (Tailor) probabilities  sum_j (p_T(s)_j - p_T(t)_j)^2 reference      KL(p_T(p_1(t)) || p_T(p_1(s))),
//   without T^2: what the letter's published code computes. Its
//                  softmax of probabilities leaves at most KL(softmax(1, 0, ..) || softmax(0, 1, 0, ..)) at
//                  T.
// A hint compares numbers A = (pixels, channels) from inside:
//   features       sum (A - teacher's)^2 / size                        Romero et al. 2015, behind an adapter
//   attention      sum_p (q_p - teacher's q_p)^2 / pixels with a_p = sum_c A_pc^2 and q = a / |a|_2
//                                                                      Zagoruyko & Komodakis 2017,
//                                                                      section 3.1
#pragma once
#include <vector>

namespace qkd::train {

enum class Teaching { logits, logits_mse, probabilities, reference };

// One sample's term; adds scale * d term / d logits to diff. kind must not be `logits`.
class TeachingTerm {
 public:
  TeachingTerm(Teaching kind, int classes, float temperature);
  double add(const float* logits, const float* teacher, double scale, float* diff);

 private:
  void softmax(const double* x, double divisor, std::vector<double>& p) const;

  Teaching kind_;
  double temperature_;
  std::vector<double> s_, t_, u_, v_, p_, q_, g_;
};

struct Hint {
  enum class Kind { features, attention };
  Kind kind;
  int pixels, channels;
  float weight;

  int student_size() const { return pixels * channels; }
  int teacher_size() const { return kind == Kind::attention ? pixels : pixels * channels; }
  // One sample's weighted term; writes scale * d term / d student, (pixels, channels).
  double apply(const float* student, const float* teacher, double scale, float* diff) const;
};

// q of one sample: (pixels,) from (pixels, channels).
void attention_map(int pixels, int channels, const float* a, float* q);

}  // namespace qkd::train
