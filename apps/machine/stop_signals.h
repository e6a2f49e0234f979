// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace deeplab::apps {

/// Turns SIGINT and SIGTERM into a request to stop during its lifetime. A
/// second signal of the same kind ends the program at once.
class StopSignals {
 public:
  StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  ~StopSignals();

  bool arrived() const;

 private:
  using Handler = void (*)(int);
  Handler old_interrupt_;
  Handler old_terminate_;
};

}  // namespace deeplab::apps
