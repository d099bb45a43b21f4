#include "bayes/acquisition.h"

#include <cmath>
#include <utility>

namespace qkd::bayes {

Acquisition::Acquisition(const Space& space, std::vector<const Posterior*> objectives,
                         std::unique_ptr<Improvement> improvement, std::vector<Limit> limits, Cost cost)
    : space_(space),
      objectives_(std::move(objectives)),
      improvement_(std::move(improvement)),
      limits_(std::move(limits)),
      cost_(std::move(cost)),
      lengths_(VectorXd::Ones(space.features())) {
  const auto shorten = [this](const Posterior& posterior) {
    lengths_ = lengths_.cwiseMin(posterior.kernel().precisions().cwiseSqrt().cwiseInverse());
  };
  if (improvement_) {
    for (const Posterior* posterior : objectives_) shorten(*posterior);
  }
  for (const Limit& limit : limits_) shorten(*limit.violation);
}

VectorXd Acquisition::gains(const std::vector<Posterior::Batch>& batches, const MatrixXd& codes) const {
  const Eigen::Index m = codes.rows();
  if (!improvement_) return VectorXd::Zero(m);
  const VectorXd costs = cost_ ? cost_(codes) : VectorXd::Zero(m);
  const auto objectives = static_cast<Eigen::Index>(batches.size());
  MatrixXd mean(batches[0].mean.cols(), objectives);
  VectorXd deviation(objectives), values(m);
  for (Eigen::Index i = 0; i < m; ++i) {
    for (Eigen::Index o = 0; o < objectives; ++o) {
      const Posterior::Batch& batch = batches[static_cast<std::size_t>(o)];
      mean.col(o) = batch.mean.row(i).transpose();
      deviation[o] = std::sqrt(batch.variance[i]);
    }
    values[i] = (*improvement_)(mean, deviation, costs[i], nullptr);
  }
  return values;
}

VectorXd Acquisition::operator()(const MatrixXd& codes) const {
  const MatrixXd x = space_.encode(codes);
  std::vector<Posterior::Batch> batches;
  batches.reserve(objectives_.size());
  for (const Posterior* posterior : objectives_) batches.push_back(posterior->predict(x));
  VectorXd values = gains(batches, codes);
  for (const Limit& limit : limits_) {
    const Posterior::Batch batch = limit.violation->predict(x);
    for (Eigen::Index i = 0; i < values.size(); ++i) {
      values[i] += log_phi((limit.threshold - batch.mean(i, 0)) / std::sqrt(batch.variance[i])).value;
    }
  }
  return values;
}

VectorXd Acquisition::bound(const MatrixXd& codes) const {
  const MatrixXd x = space_.encode(codes);
  std::vector<Posterior::Batch> batches;
  batches.reserve(objectives_.size());
  for (const Posterior* posterior : objectives_) batches.push_back(posterior->bound(x));
  return gains(batches, codes);  // more variance is more improvement; a log probability is 0 at most
}

double Acquisition::at(const VectorXd& x, double cost, VectorXd& gradient) const {
  gradient.setZero(x.size());
  double value = 0;
  if (improvement_) {
    std::vector<Posterior::Local> locals;
    locals.reserve(objectives_.size());
    for (const Posterior* posterior : objectives_) locals.push_back(posterior->predict_with_slopes(x));
    const auto objectives = static_cast<Eigen::Index>(locals.size());
    MatrixXd mean(locals[0].mean.size(), objectives);
    VectorXd deviation(objectives);
    for (Eigen::Index o = 0; o < objectives; ++o) {
      mean.col(o) = locals[static_cast<std::size_t>(o)].mean;
      deviation[o] = std::sqrt(locals[static_cast<std::size_t>(o)].variance);
    }
    Improvement::Slopes slopes;
    value = (*improvement_)(mean, deviation, cost, &slopes);
    for (Eigen::Index o = 0; o < objectives; ++o) {
      const Posterior::Local& local = locals[static_cast<std::size_t>(o)];
      gradient += local.mean_slope * slopes.mean.col(o);
      gradient += slopes.deviation[o] / (2 * deviation[o]) * local.variance_slope;
    }
  }
  for (const Limit& limit : limits_) {
    const Posterior::Local local = limit.violation->predict_with_slopes(x);
    const double s = std::sqrt(local.variance), z = (limit.threshold - local.mean[0]) / s;
    const LogH probability = log_phi(z);
    value += probability.value;
    gradient -= probability.slope / s * (local.mean_slope.col(0) + z / (2 * s) * local.variance_slope);
  }
  return value;
}

}  // namespace qkd::bayes
