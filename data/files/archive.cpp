// SPDX-License-Identifier: Apache-2.0
#include "data/files/archive.h"

#include <filesystem>

#include <archive.h>
#include <archive_entry.h>
#include <fmt/core.h>

#include "data/files/listing.h"
#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"

namespace deeplab::data {
namespace {

namespace fs = std::filesystem;

using Wanted = std::function<bool(const std::string& name)>;
using Use =
    std::function<void(const std::string& name, const std::string& bytes)>;
using Reader = std::unique_ptr<archive, int (*)(archive*)>;

[[noreturn]] void fail(const std::string& path, archive* reader) {
  const char* reason = archive_error_string(reader);
  throw DataError(fmt::format(
      "{}: {}", path, reason == nullptr ? "damaged archive" : reason
  ));
}

[[noreturn]] void fail_writing(const std::string& name, archive* writer) {
  const char* reason = archive_error_string(writer);
  throw DataError(fmt::format(
      "{}: cannot be written into a tar file: {}", name,
      reason == nullptr ? "disk full?" : reason
  ));
}

std::string read_entry(const std::string& path, archive* reader) {
  constexpr size_t kBlock = 1U << 16U;
  std::string bytes;
  for (;;) {
    const size_t size = bytes.size();
    bytes.resize(size + kBlock);
    const auto read = archive_read_data(reader, &bytes[size], kBlock);
    if (read < 0) fail(path, reader);
    bytes.resize(size + static_cast<size_t>(read));
    if (read == 0) return bytes;
  }
}

void read_archive(
    const std::string& path, const Wanted& wanted, const Use& use
) {
  constexpr size_t kBlock = 1U << 20U;
  const Reader reader(archive_read_new(), archive_read_free);
  archive_read_support_filter_all(reader.get());
  archive_read_support_format_tar(reader.get());
  archive_read_support_format_zip(reader.get());
  if (archive_read_open_filename(reader.get(), path.c_str(), kBlock) !=
      ARCHIVE_OK) {
    fail(path, reader.get());
  }
  for (;;) {
    archive_entry* entry = nullptr;
    const int state = archive_read_next_header(reader.get(), &entry);
    if (state == ARCHIVE_EOF) return;
    if (state != ARCHIVE_OK && state != ARCHIVE_WARN) fail(path, reader.get());
    if (archive_entry_filetype(entry) != AE_IFREG) continue;
    const char* stored = archive_entry_pathname(entry);
    if (stored == nullptr) continue;
    const auto name = fs::path(stored).lexically_normal().generic_string();
    if (!is_clutter(name) && wanted(name))
      use(name, read_entry(path, reader.get()));
  }
}

}  // namespace

void read_files(const std::string& path, const Wanted& wanted, const Use& use) {
  if (!fs::is_directory(path)) return read_archive(path, wanted, use);
  for (const auto& name : list_files(path, "")) {
    if (wanted(name)) use(name, read_file((fs::path(path) / name).string()));
  }
}

struct TarWriter::State {
  explicit State(std::ostream& target) : stream(target) {}

  std::ostream& stream;
  int64_t written = 0;
  std::unique_ptr<archive, int (*)(archive*)> writer{
      archive_write_new(), archive_write_free};
};

TarWriter::TarWriter(std::ostream& stream)
    : state_(std::make_unique<State>(stream)) {
  auto* writer = state_->writer.get();
  archive_write_set_format_ustar(writer);
  // Turns off output blocking, so that `written` is the true position in the
  // tar.
  archive_write_set_bytes_per_block(writer, 0);
  const auto write = [](archive* /*writer*/, void* data, const void* bytes,
                        size_t count) {
    auto* state = static_cast<State*>(data);
    state->stream.write(
        static_cast<const char*>(bytes), static_cast<std::streamsize>(count)
    );
    state->written += static_cast<int64_t>(count);
    return state->stream ? static_cast<la_ssize_t>(count) : -1;
  };
  archive_write_open(writer, state_.get(), nullptr, write, nullptr);
}

TarWriter::~TarWriter() = default;

int64_t TarWriter::add(const std::string& name, const std::string& bytes) {
  const std::unique_ptr<archive_entry, void (*)(archive_entry*)> entry(
      archive_entry_new(), archive_entry_free
  );
  constexpr int kReadable = 0644;
  archive_entry_set_pathname(entry.get(), name.c_str());
  archive_entry_set_size(entry.get(), static_cast<int64_t>(bytes.size()));
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), kReadable);
  auto* writer = state_->writer.get();
  if (archive_write_header(writer, entry.get()) != ARCHIVE_OK) {
    fail_writing(name, writer);
  }
  const int64_t offset = state_->written;
  const auto count = archive_write_data(writer, bytes.data(), bytes.size());
  if (count != static_cast<la_ssize_t>(bytes.size()))
    fail_writing(name, writer);
  return offset;
}

void TarWriter::finish() {
  auto* writer = state_->writer.get();
  if (archive_write_close(writer) != ARCHIVE_OK)
    fail_writing("its end", writer);
}

}  // namespace deeplab::data
