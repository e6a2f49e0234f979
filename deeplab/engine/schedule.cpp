// SPDX-License-Identifier: Apache-2.0
#include "deeplab/engine/schedule.h"

#include <array>
#include <cmath>

namespace deeplab::engine {
namespace {

constexpr double kPi = 3.14159265358979323846;

/// Returns the value between `first` at 0 and `last` at 1 along half a cosine.
double half_cosine(double first, double last, double done) {
  return last + (first - last) * (1 + std::cos(kPi * done)) / 2;
}

/// Position within a schedule: the number of finished iterations, and the
/// total.
struct Progress {
  double iteration;
  double iterations;
  double fraction() const { return iteration / iterations; }
};

double poly(const TrainConfig& config, const Progress& progress) {
  const double end = config.learning_rate_end;
  return end + (config.learning_rate - end) *
                   std::pow(1 - progress.fraction(), config.poly_power);
}

double step(const TrainConfig& config, const Progress& progress) {
  const auto every = static_cast<double>(config.step_every);
  return config.learning_rate *
         std::pow(config.step_factor, std::floor(progress.iteration / every));
}

double cosine(const TrainConfig& config, const Progress& progress) {
  return half_cosine(
      config.learning_rate, config.learning_rate_end, progress.fraction()
  );
}

double one_cycle(const TrainConfig& config, const Progress& progress) {
  constexpr double kRise = 0.3;
  constexpr double kFirstDivisor = 25;
  constexpr double kLastDivisor = 1e4;
  const double peak = config.learning_rate;
  const double first = peak / kFirstDivisor;
  const double top = kRise * progress.iterations - 1;
  const double iteration = progress.iteration;
  if (iteration <= top) return half_cosine(first, peak, iteration / top);
  const double rest = progress.iterations - 1 - top;
  return half_cosine(peak, first / kLastDivisor, (iteration - top) / rest);
}

double constant(const TrainConfig& config, const Progress& /*progress*/) {
  return config.learning_rate;
}

struct ScheduleEntry {
  const char* name;
  double (*rate)(const TrainConfig& config, const Progress& progress);
  const char* about;
};
constexpr std::array kSchedules{
    ScheduleEntry{
        "poly", poly,
        "falls to learning_rate_end as (1 - i / n) ^ poly_power (the papers' schedule)"},
    ScheduleEntry{
        "step", step,
        "is multiplied by step_factor after every step_every iterations"},
    ScheduleEntry{
        "cosine", cosine,
        "falls to learning_rate_end along half a cosine (Loshchilov and Hutter 2016)"},
    ScheduleEntry{
        "one_cycle", one_cycle,
        "rises to learning_rate, then falls to almost 0 (Smith and Topin 2017)"},
    ScheduleEntry{"constant", constant, "stays at learning_rate"},
};

}  // namespace

Rule known_schedules() { return one_of(names_of(kSchedules)); }

std::vector<NamedUse> schedule_uses() { return uses_of(kSchedules); }

double learning_rate(const TrainConfig& config, int64_t iteration) {
  iteration -= iteration % config.update_every;
  const int64_t slow = config.slow_start_iterations;
  if (iteration < slow) return config.slow_start_rate;
  const Progress progress{
      static_cast<double>(iteration - slow),
      static_cast<double>(config.iterations - slow)};
  const double rate = find_named(kSchedules, "train.schedule", config.schedule)
                          .rate(config, progress);
  const int64_t warm = config.warmup_iterations;
  if (iteration >= warm) return rate;
  const double done =
      static_cast<double>(iteration) / static_cast<double>(warm);
  return rate * (config.warmup_factor + (1 - config.warmup_factor) * done);
}

}  // namespace deeplab::engine
