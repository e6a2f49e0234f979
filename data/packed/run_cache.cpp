// SPDX-License-Identifier: Apache-2.0
#include "data/packed/run_cache.h"

namespace deeplab::data {

RunCache::Bytes RunCache::get(
    const Run& run, const std::function<std::string()>& read
) {
  std::shared_ptr<Slot> slot;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    auto& entry = slots_[run.first];
    if (entry) {
      used_.remove(run.first);
    } else {
      entry = std::make_shared<Slot>();
      entry->run = run;
      held_.images += run.images();
      held_.bytes += run.bytes;
    }
    used_.push_front(run.first);
    slot = entry;
    while (used_.size() > 1 && most_.is_full(held_)) drop_last();
  }
  const std::lock_guard<std::mutex> lock(slot->mutex);
  if (!slot->bytes) slot->bytes = std::make_shared<const std::string>(read());
  return slot->bytes;
}

void RunCache::drop_last() {
  const auto& run = slots_.at(used_.back())->run;
  held_.images -= run.images();
  held_.bytes -= run.bytes;
  slots_.erase(used_.back());
  used_.pop_back();
}

}  // namespace deeplab::data
