// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/mean_field.h"

#include <algorithm>
#include <cmath>

#include <fmt/core.h>

#include "deeplab/core/error.h"
#include "deeplab/crf/energies.h"
#include "deeplab/crf/kernels/parallel.h"
#include "deeplab/crf/kernels/planes.h"
#include "deeplab/crf/kernels/softmax.h"

namespace deeplab::crf {
namespace {

/// Maximum number of pixels of a tile, and number of its rows.
constexpr size_t kTogether = 256;
constexpr size_t kTileRows = 2;
/// Returns the number of tiles next to each other across the image.
size_t across(size_t width) {
  constexpr size_t kColumns = kTogether / kTileRows;
  return (width + kColumns - 1) / kColumns;
}

/// Returns the number of runs of kTogether pixels, which lie one after another
/// in memory.
size_t runs(size_t pixels) { return (pixels + kTogether - 1) / kTogether; }
Range run_of(size_t run, size_t pixels) {
  return {run * kTogether, std::min((run + 1) * kTogether, pixels)};
}

/// Returns the index of the highest value; the first one of equals.
size_t best_column(const float* row, size_t count) {
  return static_cast<size_t>(std::max_element(row, row + count) - row);
}

}  // namespace

MeanField::MeanField(const DenseCrf& crf, const float* energies, size_t labels)
    : crf_(crf),
      labels_(labels),
      reads_neighbours_(std::any_of(
          crf.kernels().begin(),
          crf.kernels().end(),
          [](const auto& kernel) { return kernel.filter->reads_neighbours(); }
      )),
      kept_(choose_labels(energies, labels)),
      energies_(crf.pixels(), kept_.size(), Content::kUnset),
      q_(crf.pixels(), kept_.size(), Content::kUnset),
      next_(0, kept_.size()) {
  fill(energies);
  for (const auto& kernel : crf.kernels()) {
    workspaces_.push_back(kernel.filter->make_workspace(kept_.size()));
  }
}

/// The probability of a label is at most exp(lowest energy of the pixel -
/// energy of the label). A label is dropped if this bound is below the option
/// at every pixel.
std::vector<size_t> MeanField::choose_labels(
    const float* energies, size_t labels
) const {
  crf_.check_labels(labels);
  const size_t pixels = crf_.pixels();
  const double drop = crf_.options().drop_labels_below;
  std::vector<uint8_t> occurs(labels, drop == 0 ? 1 : 0);
  if (drop > 0) {
    const auto most = static_cast<float>(-std::log(drop));
    std::vector<float> lowest(energies, energies + pixels);
    parallel_ranges(pixels, [&](Range range) {
      for (size_t l = 1; l < labels; ++l) {
        const float* own = energies + l * pixels;
        for (size_t i = range.begin; i < range.end; ++i) {
          lowest[i] = std::min(lowest[i], own[i]);
        }
      }
    });
    parallel_ranges(labels, [&](Range range) {
      for (size_t l = range.begin; l < range.end; ++l) {
        const float* own = energies + l * pixels;
        for (size_t i = 0; i < pixels && occurs[l] == 0; ++i) {
          occurs[l] = own[i] - lowest[i] > most ? 0 : 1;
        }
      }
    });
  }
  std::vector<size_t> kept;
  for (size_t l = 0; l < labels; ++l) {
    if (occurs[l] != 0) kept.push_back(l);
  }
  const size_t tables = reads_neighbours_ ? 3 : 2;
  check_memory(pixels, tables * sizeof(float) * kept.size());
  return kept;
}

void MeanField::fill(const float* energies) {
  const size_t pixels = crf_.pixels();
  constexpr auto kMost = static_cast<float>(kMostEnergy);
  std::vector<uint8_t> is_bad(runs(pixels));
  parallel_ranges(is_bad.size(), [&](Range range) {
    Rows sums(kTogether, q_.labels());
    for (size_t run = range.begin; run < range.end; ++run) {
      const Range own = run_of(run, pixels);
      const Columns columns{kept_, pixels};
      const bool within =
          read_planes(energies, columns, own, kImpossible, kMost, energies_);
      is_bad[run] = within ? 0 : 1;
      std::fill_n(sums[0], kTogether * sums.width(), 0.0F);
      softmax_rows(
          {energies_[own.begin], sums[0], energies_[own.begin], q_[own.begin],
           q_.blocks(), own.end - own.begin}
      );
    }
  });
  const auto bad = std::find(is_bad.begin(), is_bad.end(), 1);
  if (bad == is_bad.end()) return;
  const auto run = static_cast<size_t>(bad - is_bad.begin());
  const auto is_within = [&](size_t pixel) {
    return std::all_of(
        energies_[pixel], energies_[pixel] + q_.labels(),
        [](float energy) { return std::abs(energy) <= kMost; }
    );
  };
  size_t pixel = run * kTogether;
  while (is_within(pixel)) ++pixel;
  throw DataError(fmt::format(
      "crf: an energy at pixel {} is out of range; must be in -1e20..1e20",
      pixel
  ));
}

size_t MeanField::tiles() const {
  const size_t height = crf_.pixels() / crf_.width();
  return across(crf_.width()) * ((height + kTileRows - 1) / kTileRows);
}

Tile MeanField::tile_of(size_t index) const {
  const size_t width = crf_.width();
  const size_t height = crf_.pixels() / width;
  const size_t down = tiles() / across(width);
  const size_t upper = (down + 1) / 2;
  const size_t in_upper = upper * across(width);
  const bool is_lower = index >= in_upper;
  const size_t place = is_lower ? index - in_upper : index;
  const size_t rows = is_lower ? down - upper : upper;
  const size_t piece = place / rows;
  const size_t y = ((is_lower ? upper : 0) + place % rows) * kTileRows;
  const size_t x = width * piece / across(width);
  return {
      y * width + x, width * (piece + 1) / across(width) - x,
      std::min(kTileRows, height - y), width};
}

void MeanField::read(const Rows& q, size_t turn, std::vector<Rows>& workspaces)
    const {
  for (size_t k = 0; k < workspaces.size(); ++k) {
    crf_.kernels()[k].filter->read(q, turn, workspaces[k]);
  }
}

void MeanField::add_messages(
    const Rows& q,
    const std::vector<Rows>& workspaces,
    const Tile& tile,
    Rows& sums
) const {
  const size_t count = tile.rows * tile.columns;
  const size_t labels = q.labels();
  std::fill_n(sums[0], count * sums.width(), 0.0F);
  for (size_t k = 0; k < workspaces.size(); ++k) {
    const auto& kernel = crf_.kernels()[k];
    const auto& table = crf_.options().kernels[k].compatibility;
    Rows apart(table.empty() ? 0 : count, labels);
    Rows& messages = table.empty() ? sums : apart;
    kernel.filter->add_tile(q, workspaces[k], tile, messages[0]);
    if (!kernel.own.empty()) {
      for (size_t i = 0; i < count; ++i) {
        const size_t pixel = tile.pixel(i);
        const float* values = q[pixel];
        for (size_t l = 0; l < labels; ++l) {
          messages[i][l] -= kernel.own[pixel] * values[l];
        }
      }
    }
    for (size_t i = 0; i < apart.count(); ++i) {
      for (size_t l = 0; l < labels; ++l) {
        if (table.size() == labels_) {
          sums[i][l] += table[kept_[l]] * apart[i][l];
          continue;
        }
        for (size_t m = 0; m < labels; ++m) {
          sums[i][l] += table[kept_[l] * labels_ + kept_[m]] * apart[i][m];
        }
      }
    }
  }
}

double MeanField::step() {
  read(q_, static_cast<size_t>(iterations_), workspaces_);
  if (reads_neighbours_ && next_.count() == 0) {
    next_ = {q_.count(), q_.labels(), Content::kUnset};
  }
  Rows& fresh = reads_neighbours_ ? next_ : q_;
  // There is one sum per tile, so that the total does not depend on the number
  // of threads.
  std::vector<double> changes(tiles());
  constexpr size_t kTiles = 16;
  parallel_pieces(tiles(), kTiles, [&](Range range) {
    Rows sums(kTogether, q_.labels());
    for (size_t index = range.begin; index < range.end; ++index) {
      const Tile tile = tile_of(index);
      add_messages(q_, workspaces_, tile, sums);
      for (size_t row = 0; row < tile.rows; ++row) {
        const Range own = tile.row(row);
        changes[index] += softmax_rows(
            {energies_[own.begin], sums[row * tile.columns], q_[own.begin],
             fresh[own.begin], q_.blocks(), tile.columns,
             kTileRows * tile.pitch * q_.width()}
        );
      }
    }
  });
  if (reads_neighbours_) std::swap(q_, next_);
  ++iterations_;
  double total = 0;
  for (const double change : changes) total += change;
  // Each change is counted twice: one label loses what another gains.
  return total / 2 / static_cast<double>(crf_.pixels());
}

int64_t MeanField::run() {
  const auto& options = crf_.options();
  int64_t done = 0;
  while (done < options.iterations) {
    ++done;
    if (step() < options.stop_below) break;
  }
  // This frees memory that large images need.
  next_ = {0, q_.labels()};
  return done;
}

std::vector<float> MeanField::probabilities() const {
  std::vector<float> result(labels_ * crf_.pixels());
  write_probabilities(result.data());
  return result;
}

void MeanField::write_probabilities(float* result) const {
  const size_t pixels = crf_.pixels();
  if (kept_.size() < labels_) std::fill_n(result, labels_ * pixels, 0.0F);
  parallel_ranges(runs(pixels), [&](Range range) {
    for (size_t run = range.begin; run < range.end; ++run) {
      const Range own = run_of(run, pixels);
      write_planes(q_, {kept_, pixels}, own, result);
    }
  });
}

std::vector<uint8_t> MeanField::labels() const {
  std::vector<uint8_t> result(crf_.pixels());
  for (size_t i = 0; i < result.size(); ++i) {
    const size_t best = best_column(q_[i], q_.labels());
    result[i] = static_cast<uint8_t>(kept_[best]);
  }
  return result;
}

double MeanField::kl_divergence() const { return divergence_of(q_); }

double MeanField::map_energy() const {
  Rows certain(q_.count(), q_.labels());
  for (size_t i = 0; i < q_.count(); ++i) {
    certain[i][best_column(q_[i], q_.labels())] = 1;
  }
  return divergence_of(certain);
}

double MeanField::divergence_of(const Rows& q) const {
  std::vector<Rows> workspaces;
  for (const auto& kernel : crf_.kernels()) {
    workspaces.push_back(kernel.filter->make_workspace(q.labels()));
  }
  // The turn is always the same, so that iterations can be compared.
  read(q, 0, workspaces);
  double total = 0;
  Rows sums(kTogether, q.labels());
  for (size_t index = 0; index < tiles(); ++index) {
    const Tile tile = tile_of(index);
    add_messages(q, workspaces, tile, sums);
    for (size_t at = 0; at < tile.rows * tile.columns; ++at) {
      const size_t i = tile.pixel(at);
      const float* messages = sums[at];
      for (size_t l = 0; l < q.labels(); ++l) {
        const auto p = static_cast<double>(q[i][l]);
        if (p == 0) continue;
        total += p * (std::log(p) + static_cast<double>(energies_[i][l]) -
                      0.5 * static_cast<double>(messages[l]));
      }
    }
  }
  return total;
}

}  // namespace deeplab::crf
