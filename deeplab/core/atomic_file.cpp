// SPDX-License-Identifier: Apache-2.0
#include "deeplab/core/atomic_file.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include "deeplab/core/error.h"
#include "deeplab/core/system_error.h"

namespace deeplab {
namespace {

namespace fs = std::filesystem;

void sync_to_disk(const std::string& path, int flags) {
  const int descriptor = ::open(path.c_str(), flags);
  if (descriptor < 0) throw system_error(path, "open");
  const int result = ::fsync(descriptor);
  ::close(descriptor);
  if (result != 0) throw system_error(path, "write to disk");
}

/// Removes the file when it goes out of scope. After a rename there is nothing
/// left to remove.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::string path) : path_(std::move(path)) {}
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() { ::unlink(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

void write_straight(
    const std::string& path, const std::function<void(std::ostream&)>& write
) {
  errno = 0;
  std::ofstream stream(path, std::ios::binary);
  if (!stream) throw system_error(path, "create");
  write(stream);
  stream.close();
  if (!stream) throw system_error(path, "write");
}

}  // namespace

void write_file(const std::string& path, const std::string& text) {
  write_atomically(path, [&](std::ostream& stream) { stream << text; });
}

void write_atomically(
    const std::string& path, const std::function<void(std::ostream&)>& write
) {
  const bool exists = fs::exists(path);
  if (exists && !fs::is_regular_file(path)) {
    write_straight(path, write);
    return;
  }
  const auto target = exists ? fs::canonical(path) : fs::path(path);
  const auto parent = target.parent_path();
  if (!parent.empty()) {
    std::error_code error;
    fs::create_directories(parent, error);
    if (error) {
      throw DataError(
          fmt::format("{}: cannot create its folder: {}", path, error.message())
      );
    }
  }
  const TemporaryFile temporary(target.string() + ".tmp");
  write_straight(temporary.path(), write);
  sync_to_disk(temporary.path(), O_RDONLY);
  if (::rename(temporary.path().c_str(), target.c_str()) != 0) {
    throw system_error(path, "replace");
  }
  sync_to_disk(parent.empty() ? "." : parent.string(), O_RDONLY | O_DIRECTORY);
}

std::string read_file(const std::string& path) {
  errno = 0;
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw system_error(path, "open");
  if (fs::is_directory(path)) {
    throw DataError(fmt::format("{}: is a folder; a file is needed", path));
  }
  std::ostringstream bytes;
  bytes << stream.rdbuf();
  if (stream.bad()) throw system_error(path, "read");
  return std::move(bytes).str();
}

}  // namespace deeplab
