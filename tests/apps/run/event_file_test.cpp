// SPDX-License-Identifier: Apache-2.0
#include "apps/run/event_file.h"

#include <csignal>
#include <ctime>
#include <limits>
#include <sstream>

#include <sys/resource.h>

#include "deeplab/core/config_io.h"
#include "deeplab/core/error.h"
#include "support/support.h"

namespace deeplab::apps {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kLargest = std::numeric_limits<double>::max();

class EventFiles : public ::testing::Test {
 protected:
  std::string folder() const { return folder_ / "a/b"; }
  /// Returns the events that an independent reader finds in the folder's files.
  std::vector<Json> events() const {
    const auto finished = testing::run_shell(
        std::string(testing::kPython) +
        " tests/support/tensorboard_reader.py '" + folder() + "'"
    );
    EXPECT_EQ(finished.code, 0) << finished.output;
    std::vector<Json> found;
    std::istringstream lines(finished.output);
    for (std::string line; std::getline(lines, line);) {
      found.push_back(Json::parse(line));
    }
    return found;
  }
  /// Returns the value of the only summary in the file.
  Json only_value() const {
    const auto found = events();
    EXPECT_THAT(found, SizeIs(2));
    return found.at(1).at("summary").at("value");
  }
  Json histogram_of(const std::vector<double>& values) const {
    EventFile file(folder(), 0);
    file.histogram("weights", 3, values);
    file.flush();
    return only_value().at("histo");
  }

  testing::TemporaryFolder folder_;
};

TEST_F(EventFiles, BeginWithTheirVersionUnderANameThatTensorBoardFinds) {
  const auto before = std::time(nullptr);
  const EventFile file(folder(), 0);
  const auto found = events();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0]["file_version"], "brain.Event:2");
  EXPECT_GE(found[0]["wall_time"], before);
  EXPECT_LE(found[0]["wall_time"], std::time(nullptr) + 1);
  const auto name = found[0]["file"].get<std::string>();
  EXPECT_THAT(name, StartsWith("events.out.tfevents."));
  EXPECT_EQ(folder() + "/" + name, file.path());
}

TEST_F(EventFiles, HoldNumbersAtTheirSteps) {
  EventFile file(folder(), 0);
  file.scalar("loss", 0, 0);
  file.scalar("loss", 300000000000, -1.5);
  file.scalar("rate", 2, 0.01);
  file.flush();
  const auto found = events();
  ASSERT_THAT(found, SizeIs(4));
  EXPECT_EQ(found[1]["summary"]["value"]["tag"], "loss");
  EXPECT_EQ(found[1]["summary"]["value"]["simple_value"], 0);
  EXPECT_FALSE(found[1].contains("step") && found[1]["step"] != 0);
  EXPECT_EQ(found[2]["step"], 300000000000);
  EXPECT_EQ(found[2]["summary"]["value"]["simple_value"], -1.5);
  EXPECT_EQ(found[3]["summary"]["value"]["tag"], "rate");
  EXPECT_FLOAT_EQ(
      found[3]["summary"]["value"]["simple_value"].get<float>(), 0.01F
  );
}

TEST_F(EventFiles, HoldNumbersThatAreNotFiniteAsTheyAre) {
  EventFile file(folder(), 0);
  file.scalar("loss", 1, kNan);
  file.scalar("loss", 2, -kInfinity);
  file.flush();
  const auto found = events();
  ASSERT_THAT(found, SizeIs(3));
  EXPECT_EQ(found[1]["summary"]["value"]["simple_value"], "nan");
  EXPECT_EQ(found[2]["summary"]["value"]["simple_value"], "-inf");
}

TEST_F(EventFiles, HoldPicturesByteForByte) {
  EventFile file(folder(), 0);
  file.image("photo/0", 7, {std::string("\x89PNG\0\xff\n", 7), 16, 12});
  file.flush();
  const auto value = only_value();
  EXPECT_EQ(value["tag"], "photo/0");
  EXPECT_EQ(value["image"]["width"], 16);
  EXPECT_EQ(value["image"]["height"], 12);
  EXPECT_EQ(value["image"]["colorspace"], 3);
  EXPECT_EQ(value["image"]["encoded_image_string"], "89504e4700ff0a");
}

TEST_F(EventFiles, HistogramsTellSumsAndLeaveOutWhatIsNotFinite) {
  const auto found = histogram_of({-2, kNan, 0.5, 0.5, kInfinity, 0});
  EXPECT_EQ(found["num"], 4);
  EXPECT_EQ(found["min"], -2);
  EXPECT_EQ(found["max"], 0.5);
  EXPECT_EQ(found["sum"], -1);
  EXPECT_EQ(found["sum_squares"], 4.5);
}

TEST_F(EventFiles, HistogramsCountBelowEachBucketsEnd) {
  const auto found = histogram_of({-2, 0.5, 0.5, 0});
  const auto counts = found["bucket"].get<std::vector<double>>();
  const auto ends = found["bucket_limit"].get<std::vector<double>>();
  // The buckets hold nothing, -2, nothing, 0, nothing, twice 0.5, nothing.
  EXPECT_THAT(counts, ElementsAre(0, 1, 0, 1, 0, 2, 0));
  ASSERT_THAT(ends, SizeIs(7));
  const auto holds = [&](size_t bucket, double value) {
    return ends[bucket - 1] <= value && value < ends[bucket] &&
           ends[bucket] - ends[bucket - 1] < 0.11 * std::abs(value) + 1e-11;
  };
  EXPECT_TRUE(holds(1, -2)) << ends[0] << ' ' << ends[1];
  EXPECT_TRUE(holds(3, 0)) << ends[2] << ' ' << ends[3];
  EXPECT_TRUE(holds(5, 0.5)) << ends[4] << ' ' << ends[5];
  EXPECT_EQ(ends[6], kLargest);
  EXPECT_DOUBLE_EQ(ends[3], 1e-12);
}

TEST_F(EventFiles, HistogramsHoldTheLargestNumbers) {
  const auto found = histogram_of({kLargest, -kLargest});
  EXPECT_THAT(
      found["bucket"].get<std::vector<double>>(), ElementsAre(0, 1, 0, 1)
  );
}

TEST_F(EventFiles, HistogramsOfNothingAreEmpty) {
  const auto found = histogram_of({kNan});
  EXPECT_EQ(found.value("num", 0.0), 0);
  EXPECT_THAT(found["bucket"].get<std::vector<double>>(), ElementsAre(0));
}

TEST_F(EventFiles, AResumedRunSaysWhatNoLongerCounts) {
  EventFile(folder(), 0).scalar("loss", 5, 1);
  EventFile(folder(), 5).scalar("loss", 5, 2);
  const auto found = events();
  ASSERT_THAT(found, SizeIs(5));
  EXPECT_NE(found[1]["file"], found[2]["file"]);
  EXPECT_EQ(found[2]["file_version"], "brain.Event:2");
  constexpr int kStart = 1;
  EXPECT_EQ(found[3]["session_log"]["status"], kStart);
  EXPECT_EQ(found[3]["step"], 5);
  EXPECT_EQ(found[4]["summary"]["value"]["simple_value"], 2);
}

TEST_F(EventFiles, NameTheFolderThatCannotBeMade) {
  EXPECT_THAT(
      testing::message_of<DataError>([] { EventFile("/dev/full/x", 0); }),
      HasSubstr("/dev/full/x: cannot create the folder: ")
  );
}

/// Limits the size of files during its lifetime, to simulate a full disk.
class SmallDisk {
 public:
  explicit SmallDisk(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit small{bytes, old_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
    old_handler_ = std::signal(SIGXFSZ, SIG_IGN);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, old_handler_);
  }

 private:
  rlimit old_{};
  void (*old_handler_)(int) = SIG_DFL;
};

TEST_F(EventFiles, NameTheFileThatAFullDiskCutsOff) {
  EventFile file(folder(), 0);
  const auto message = testing::message_of<DataError>([&] {
    const SmallDisk disk(1000);
    file.image("photo", 1, {std::string(2000, 'x'), 10, 10});
    file.flush();
  });
  EXPECT_EQ(message, file.path() + ": cannot write (disk full?)");
}

}  // namespace
}  // namespace deeplab::apps
