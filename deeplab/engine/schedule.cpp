// SPDX-License-Identifier: Apache-2.0
#include "deeplab/engine/schedule.h"

#include <cmath>

#include "deeplab/core/error.h"

namespace deeplab::engine {
namespace {

constexpr double kPi = 3.14159265358979323846;

/// From `first` at 0 to `last` at 1 along half a cosine.
double cosine(double first, double last, double done) {
  return last + (first - last) * (1 + std::cos(kPi * done)) / 2;
}

double one_cycle(double peak, double iteration, double iterations) {
  constexpr double kRise = 0.3;
  constexpr double kFirstDivisor = 25;
  constexpr double kLastDivisor = 1e4;
  const double first = peak / kFirstDivisor;
  const double top = kRise * iterations - 1;
  if (iteration <= top) return cosine(first, peak, iteration / top);
  const double rest = iterations - 1 - top;
  return cosine(peak, first / kLastDivisor, (iteration - top) / rest);
}

double scheduled(
    const TrainConfig& config, int64_t iteration, int64_t iterations
) {
  const double rate = config.learning_rate;
  const double end = config.learning_rate_end;
  const double done =
      static_cast<double>(iteration) / static_cast<double>(iterations);
  if (config.schedule == "poly") {
    return end + (rate - end) * std::pow(1 - done, config.poly_power);
  }
  if (config.schedule == "step") {
    const int64_t steps = iteration / config.step_every;
    return rate * std::pow(config.step_factor, static_cast<double>(steps));
  }
  if (config.schedule == "cosine") return cosine(rate, end, done);
  if (config.schedule == "one_cycle") {
    return one_cycle(
        rate, static_cast<double>(iteration), static_cast<double>(iterations)
    );
  }
  return rate;
}

}  // namespace

double learning_rate(const TrainConfig& config, int64_t iteration) {
  iteration -= iteration % config.update_every;
  const int64_t slow = config.slow_start_iterations;
  if (iteration < slow) return config.slow_start_rate;
  const double rate =
      scheduled(config, iteration - slow, config.iterations - slow);
  const int64_t warm = config.warmup_iterations;
  if (iteration >= warm) return rate;
  const double done =
      static_cast<double>(iteration) / static_cast<double>(warm);
  return rate * (config.warmup_factor + (1 - config.warmup_factor) * done);
}

}  // namespace deeplab::engine
