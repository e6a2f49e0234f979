// SPDX-License-Identifier: Apache-2.0
#include "deeplab/core/shared_bytes.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deeplab/core/error.h"
#include "deeplab/core/system_error.h"

namespace deeplab {
namespace {

/// A file descriptor that is closed at the end of its scope.
class Descriptor {
 public:
  explicit Descriptor(const std::string& path)
      : number_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int number() const { return number_; }

 private:
  int number_;
};

}  // namespace

SharedBytes::SharedBytes(std::string text) {
  const auto held = std::make_shared<std::string>(std::move(text));
  view_ = *held;
  owner_ = held;
}

SharedBytes SharedBytes::map_file(const std::string& path) {
  const Descriptor file(path);
  struct stat status {};
  if (file.number() < 0 || ::fstat(file.number(), &status) != 0) {
    throw system_error(path, "open");
  }
  if (!S_ISREG(status.st_mode)) {
    throw DataError(
        fmt::format("{}: not a regular file; expected a regular file", path)
    );
  }
  const auto size = static_cast<size_t>(status.st_size);
  if (size == 0) return SharedBytes(std::string());
  // The mapping is private and writable: writing to a tensor over these bytes
  // changes the memory but not the file.
  void* start = ::mmap(
      nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, file.number(), 0
  );
  if (start == MAP_FAILED) throw system_error(path, "map");
  return {
      std::shared_ptr<void>(
          start, [size](void* mapped) { ::munmap(mapped, size); }
      ),
      std::string_view(static_cast<const char*>(start), size)};
}

}  // namespace deeplab
