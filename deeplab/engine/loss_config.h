// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace deeplab::engine {

/// One term of the loss, an item of config key `train.loss`.
struct LossConfig {
  /// Pixel by pixel: "cross_entropy" or "focal". By region, class by class:
  /// "dice", "jaccard", "tversky" or "lovasz".
  std::string kind = "cross_entropy";
  /// Factor on the term.
  double weight = 1;
  /// cross_entropy: share of the truth that is spread over all classes.
  double label_smoothing = 0;
  /// Pixel-wise: only this share of the pixels counts, those of the largest
  /// loss. Source: TensorFlow's DeepLab (top_k_percent_pixels).
  double hard_share = 1;
  /// Iterations in which that share falls from 1.
  int64_t hard_ramp = 0;
  /// Pixel-wise: only pixels whose true class has less probability count, but
  /// at least ohem_least of a batch piece. Source: Shrivastava et al. 2016,
  /// arXiv:1604.03540.
  std::optional<double> ohem_below;
  int64_t ohem_least = 100000;
  /// Pixel-wise: a pixel within boundary_width of a boundary of the truth (see
  /// boundary_band()) counts 1 + boundary_weight times.
  double boundary_weight = 0;
  int64_t boundary_width = 3;
  /// focal: power of 1 - p. Source: Lin et al. 2017, arXiv:1708.02002.
  double gamma = 2;
  /// tversky: what a false and a missed pixel weigh. Source: Salehi et al.
  /// 2017, arXiv:1706.05721.
  double false_weight = 0.3;
  double missed_weight = 0.7;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("kind", kind);
    visit("weight", weight);
    visit("label_smoothing", label_smoothing);
    visit("hard_share", hard_share);
    visit("hard_ramp", hard_ramp);
    visit("ohem_below", ohem_below);
    visit("ohem_least", ohem_least);
    visit("boundary_weight", boundary_weight);
    visit("boundary_width", boundary_width);
    visit("gamma", gamma);
    visit("false_weight", false_weight);
    visit("missed_weight", missed_weight);
  }

  bool is_pixelwise() const {
    return kind == "cross_entropy" || kind == "focal";
  }
  /// Whether it picks pixels by their loss.
  bool mines() const { return hard_share < 1 || ohem_below.has_value(); }

  /// Throws: ConfigError naming the first key under train.PATH that breaks a
  ///         rule.
  void validate(const std::string& path) const;
};

}  // namespace deeplab::engine
