// SPDX-License-Identifier: Apache-2.0
// A textbook implementation of the dense CRF, against which the library's is
// timed. It follows the algorithm of the reference implementation: one thread,
// one lattice per kernel, a table of coordinates, and a separate array for each
// step.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <unordered_map>
#include <vector>

// Such code mixes integer types, so conversion warnings are disabled.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"

namespace deeplab::bench {

class TextbookLattice {
 public:
  TextbookLattice(const std::vector<float>& features, int dimensions)
      : d_(dimensions), count_(features.size() / dimensions) {
    std::vector<float> scale(d_);
    for (int i = 0; i < d_; ++i) {
      scale[i] = (d_ + 1) * std::sqrt(2.0F / 3) /
                 std::sqrt(static_cast<float>((i + 1) * (i + 2)));
    }
    for (size_t p = 0; p < count_; ++p) place(&features[p * d_], scale);
    neighbours_.assign(2 * (d_ + 1) * keys_.size(), -1);
    for (size_t v = 0; v < keys_.size(); ++v) {
      for (int axis = 0; axis <= d_; ++axis) {
        for (const int side : {0, 1}) {
          auto key = keys_[v];
          const int step = side == 0 ? -1 : 1;
          for (int i = 0; i < d_; ++i) key[i] += step;
          if (axis < d_) key[axis] -= step * (d_ + 1);
          const auto found = table_.find(key);
          if (found == table_.end()) continue;
          neighbours_[(2 * axis + side) * keys_.size() + v] = found->second;
        }
      }
    }
  }

  /// Shapes: [count, labels] -> [count, labels].
  void filter(const std::vector<float>& in, std::vector<float>& out, int labels)
      const {
    const size_t vertices = keys_.size();
    std::vector<float> values(vertices * labels);
    std::vector<float> blurred(vertices * labels);
    for (size_t p = 0; p < count_; ++p) {
      for (int k = 0; k <= d_; ++k) {
        const float weight = weights_[p * (d_ + 1) + k];
        float* value = &values[corners_[p * (d_ + 1) + k] * labels];
        for (int l = 0; l < labels; ++l)
          value[l] += weight * in[p * labels + l];
      }
    }
    for (int axis = 0; axis <= d_; ++axis) {
      for (size_t v = 0; v < vertices; ++v) {
        const int one = neighbours_[2 * axis * vertices + v];
        const int two = neighbours_[(2 * axis + 1) * vertices + v];
        for (int l = 0; l < labels; ++l) {
          const float left = one < 0 ? 0 : values[one * labels + l];
          const float right = two < 0 ? 0 : values[two * labels + l];
          blurred[v * labels + l] =
              values[v * labels + l] + 0.5F * (left + right);
        }
      }
      std::swap(values, blurred);
    }
    for (size_t p = 0; p < count_; ++p) {
      float* sum = &out[p * labels];
      std::fill(sum, sum + labels, 0.0F);
      for (int k = 0; k <= d_; ++k) {
        const float weight = weights_[p * (d_ + 1) + k];
        const float* value = &values[corners_[p * (d_ + 1) + k] * labels];
        for (int l = 0; l < labels; ++l) sum[l] += weight * value[l];
      }
    }
  }

 private:
  using Key = std::vector<int16_t>;
  struct Hash {
    size_t operator()(const Key& key) const {
      size_t hash = 0;
      for (const int16_t part : key) hash = (hash + part) * 1664525;
      return hash;
    }
  };

  void place(const float* point, const std::vector<float>& scale) {
    const int axes = d_ + 1;
    std::vector<float> elevated(axes);
    std::vector<int> base(axes);
    std::vector<int> rank(axes);
    float sum = 0;
    for (int j = d_; j > 0; --j) {
      const float scaled = point[j - 1] * scale[j - 1];
      elevated[j] = sum - j * scaled;
      sum += scaled;
    }
    elevated[0] = sum;
    int off = 0;
    for (int i = 0; i < axes; ++i) {
      const auto nearest = static_cast<int>(std::round(elevated[i] / axes));
      base[i] = nearest * axes;
      off += nearest;
    }
    for (int i = 0; i < axes; ++i) {
      for (int j = i + 1; j < axes; ++j) {
        ++rank[elevated[i] - base[i] < elevated[j] - base[j] ? i : j];
      }
    }
    std::vector<float> weight(axes + 1);
    for (int i = 0; i < axes; ++i) {
      rank[i] += off;
      if (rank[i] < 0) {
        rank[i] += axes;
        base[i] += axes;
      } else if (rank[i] > d_) {
        rank[i] -= axes;
        base[i] -= axes;
      }
      const float rest = (elevated[i] - base[i]) / axes;
      weight[d_ - rank[i]] += rest;
      weight[d_ + 1 - rank[i]] -= rest;
    }
    weight[0] += 1 + weight[axes];
    for (int k = 0; k < axes; ++k) {
      Key key(d_);
      for (int i = 0; i < d_; ++i) {
        key[i] = base[i] + (rank[i] <= d_ - k ? k : k - axes);
      }
      const auto [found, fresh] =
          table_.emplace(key, static_cast<int>(keys_.size()));
      if (fresh) keys_.push_back(key);
      corners_.push_back(found->second);
      weights_.push_back(weight[k]);
    }
  }

  int d_;
  size_t count_;
  std::unordered_map<Key, int, Hash> table_;
  std::vector<Key> keys_;
  std::vector<int> corners_;
  std::vector<float> weights_;
  std::vector<int> neighbours_;
};

/// Returns the result Q of mean field with symmetric normalisation and Potts
/// compatibility. Shapes: energies [count, labels] -> [count, labels].
inline std::vector<float> textbook_mean_field(
    const std::vector<std::pair<float, TextbookLattice>>& kernels,
    const std::vector<float>& energies,
    int labels,
    int iterations
) {
  const size_t count = energies.size() / labels;
  std::vector<std::vector<float>> scales;
  for (const auto& kernel : kernels) {
    std::vector<float> sums(count);
    kernel.second.filter(std::vector<float>(count, 1), sums, 1);
    for (auto& sum : sums) sum = 1 / std::sqrt(sum + 1e-20F);
    scales.push_back(sums);
  }
  std::vector<float> logits(energies.size());
  std::vector<float> q(energies.size());
  std::vector<float> scaled(energies.size());
  std::vector<float> messages(energies.size());
  const auto softmax = [&] {
    for (size_t p = 0; p < count; ++p) {
      float* row = &logits[p * labels];
      const float most = *std::max_element(row, row + labels);
      float sum = 0;
      for (int l = 0; l < labels; ++l) {
        q[p * labels + l] = std::exp(row[l] - most);
        sum += q[p * labels + l];
      }
      for (int l = 0; l < labels; ++l) q[p * labels + l] /= sum;
    }
  };
  for (size_t i = 0; i < energies.size(); ++i) logits[i] = -energies[i];
  softmax();
  for (int turn = 0; turn < iterations; ++turn) {
    for (size_t i = 0; i < energies.size(); ++i) logits[i] = -energies[i];
    for (size_t k = 0; k < kernels.size(); ++k) {
      for (size_t p = 0; p < count; ++p) {
        for (int l = 0; l < labels; ++l) {
          scaled[p * labels + l] = q[p * labels + l] * scales[k][p];
        }
      }
      kernels[k].second.filter(scaled, messages, labels);
      for (size_t p = 0; p < count; ++p) {
        const float factor = kernels[k].first * scales[k][p];
        for (int l = 0; l < labels; ++l) {
          logits[p * labels + l] += factor * messages[p * labels + l];
        }
      }
    }
    softmax();
  }
  return q;
}

}  // namespace deeplab::bench

#pragma GCC diagnostic pop
