// SPDX-License-Identifier: Apache-2.0
#include "deeplab/core/atomic_file.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <unistd.h>

#include "deeplab/core/error.h"

namespace deeplab {
namespace {

DataError system_error(const std::string& path, const char* action) {
  return DataError(str(path, ": cannot ", action, ": ", std::strerror(errno)));
}

void sync_to_disk(const std::string& path, int flags) {
  const int descriptor = ::open(path.c_str(), flags);
  if (descriptor < 0) throw system_error(path, "open");
  const int result = ::fsync(descriptor);
  ::close(descriptor);
  if (result != 0) throw system_error(path, "write to disk");
}

/// Removes the file when it goes out of scope; a renamed one is not there.
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

}  // namespace

void write_atomically(
    const std::string& path, const std::function<void(std::ostream&)>& write
) {
  const auto parent = std::filesystem::path(path).parent_path();
  if (!parent.empty()) {
    std::error_code error;
    std::filesystem::create_directories(parent, error);
    if (error) {
      throw DataError(str(path, ": cannot make its folder: ", error.message()));
    }
  }
  const TemporaryFile temporary(str(path, ".", ::getpid(), ".tmp"));
  {
    errno = 0;
    std::ofstream stream(temporary.path(), std::ios::binary);
    if (!stream) throw system_error(path, "create");
    write(stream);
    stream.close();
    if (!stream) throw system_error(path, "write");
  }
  sync_to_disk(temporary.path(), O_RDONLY);
  if (::rename(temporary.path().c_str(), path.c_str()) != 0) {
    throw system_error(path, "replace");
  }
  sync_to_disk(parent.empty() ? "." : parent.string(), O_RDONLY | O_DIRECTORY);
}

std::string read_file(const std::string& path) {
  errno = 0;
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw system_error(path, "open");
  if (std::filesystem::is_directory(path)) {
    throw DataError(str(path, ": is a folder; a file is needed"));
  }
  std::ostringstream bytes;
  bytes << stream.rdbuf();
  if (stream.bad()) throw system_error(path, "read");
  return std::move(bytes).str();
}

}  // namespace deeplab
