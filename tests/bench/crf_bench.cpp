// SPDX-License-Identifier: Apache-2.0
// Times the dense CRF, from energies to probabilities, and the textbook
// algorithm in one thread (textbook_crf.h). tools/benchmark_crf prints the
// ratios.
//   bench_crf PHOTO [--benchmark_...]    resized to 500x375 with 21 labels, and
//                                        to 2048x1024 with 19
//   bench_crf PHOTO HEIGHT WIDTH         how far both are from the exact mean
//                                        field at that size: minutes
#include <array>
#include <iostream>
#include <thread>

#include <benchmark/benchmark.h>
#include <opencv2/imgproc.hpp>
#include <torch/types.h>
#include <torch/utils.h>

#include "apps/machine/platform.h"
#include "bench/textbook_crf.h"
#include "data/files/image_file.h"
#include "deeplab/crf/energies.h"
#include "deeplab/crf/mean_field.h"

namespace deeplab {
namespace {

/// A photo, and energies like those of a network with output stride 16: smooth
/// scores that follow the photo's regions.
struct Scene {
  int64_t labels;
  cv::Mat rgb;
  /// Shape [labels, pixels].
  std::vector<float> energies;

  Scene(const std::string& photo, int height, int width, int64_t labels_)
      : labels(labels_) {
    cv::resize(data::read_image(photo), rgb, {width, height});
    cv::cvtColor(rgb, rgb, cv::COLOR_BGR2RGB);
    cv::Mat coarse;
    cv::resize(rgb, coarse, {width / 16, height / 16}, 0, 0, cv::INTER_AREA);
    const auto colors =
        torch::from_blob(
            coarse.data, {coarse.rows, coarse.cols, 3}, torch::kUInt8
        )
            .to(torch::kFloat32)
            .permute({2, 0, 1});
    torch::manual_seed(0);
    // Each label is a random colour. A pixel's score is high if its colour is
    // close to the label's.
    const auto points = torch::rand({labels, 3, 1, 1}) * 255;
    const auto scores =
        (colors.unsqueeze(0) - points).pow(2).sum(1).sqrt().neg() / 20;
    const auto logits = at::upsample_bilinear2d(
        scores.unsqueeze(0), {height, width}, /*align_corners=*/false
    );
    const auto flat = logits.contiguous();
    energies.resize(static_cast<size_t>(labels * height * width));
    crf::energies_of_logits(
        flat.data_ptr<float>(), static_cast<size_t>(labels),
        static_cast<size_t>(height * width), energies.data()
    );
  }
  crf::Image image() const { return {rgb.data, rgb.rows, rgb.cols, 3}; }
  crf::MeanField field(const crf::DenseCrf& dense) const {
    return {dense, energies.data(), static_cast<size_t>(labels)};
  }
};

crf::DenseCrfOptions options_of(const benchmark::State& state) {
  crf::DenseCrfOptions options;
  options.kernels[0].position_sigma = static_cast<double>(state.range(0));
  options.kernels[0].color_sigma = static_cast<double>(state.range(1));
  options.kernels[1].position_sigma = static_cast<double>(state.range(2));
  return options;
}

void fast(benchmark::State& state, const Scene& scene, double drop) {
  torch::set_num_threads(static_cast<int>(state.range(3)));
  auto options = options_of(state);
  options.drop_labels_below = drop;
  std::vector<float> probabilities(scene.energies.size());
  for (auto _ : state) {
    const crf::DenseCrf dense(options, scene.image());
    auto field = scene.field(dense);
    field.run();
    field.write_probabilities(probabilities.data());
    benchmark::DoNotOptimize(probabilities.data());
  }
  if (drop > 0) {
    options.drop_labels_below = 0;
    const crf::DenseCrf dense(options, scene.image());
    auto field = scene.field(dense);
    field.run();
    const auto change =
        torch::tensor(field.probabilities()) - torch::tensor(probabilities);
    state.counters["mean_change"] = change.abs().mean().item<double>();
  }
}

std::vector<float> features(const Scene& scene, double xy, double rgb) {
  std::vector<float> values;
  for (int y = 0; y < scene.rgb.rows; ++y) {
    for (int x = 0; x < scene.rgb.cols; ++x) {
      values.push_back(static_cast<float>(x / xy));
      values.push_back(static_cast<float>(y / xy));
      for (int c = 0; rgb > 0 && c < 3; ++c) {
        values.push_back(
            static_cast<float>(scene.rgb.at<cv::Vec3b>(y, x)[c] / rgb)
        );
      }
    }
  }
  return values;
}

/// Returns the scene's energies in the textbook's layout, [pixels, labels].
std::vector<float> energies_by_pixel(const Scene& scene) {
  const auto energies =
      torch::tensor(scene.energies).view({scene.labels, -1}).t().contiguous();
  const auto* first = energies.data_ptr<float>();
  return {first, first + energies.numel()};
}

/// Returns the probabilities Q, [pixels, labels].
std::vector<float> infer_by_textbook(
    const Scene& scene,
    const std::vector<float>& energies,
    const crf::DenseCrfOptions& options
) {
  std::vector<std::pair<float, bench::TextbookLattice>> kernels;
  const auto& bilateral = options.kernels[0];
  kernels.emplace_back(
      static_cast<float>(bilateral.weight),
      bench::TextbookLattice(
          features(scene, bilateral.position_sigma, *bilateral.color_sigma), 5
      )
  );
  kernels.emplace_back(
      static_cast<float>(options.kernels[1].weight),
      bench::TextbookLattice(
          features(scene, options.kernels[1].position_sigma, 0), 2
      )
  );
  return bench::textbook_mean_field(
      kernels, energies, static_cast<int>(scene.labels), 10
  );
}

void textbook(benchmark::State& state, const Scene& scene) {
  const auto options = options_of(state);
  const auto energies = energies_by_pixel(scene);
  for (auto _ : state) {
    benchmark::DoNotOptimize(infer_by_textbook(scene, energies, options));
  }
}

/// Returns Q after 10 iterations with the default options, [labels, pixels].
torch::Tensor infer(const Scene& scene, crf::Engine engine) {
  crf::DenseCrfOptions options;
  options.engine = engine;
  const crf::DenseCrf dense(options, scene.image());
  auto field = scene.field(dense);
  field.run();
  return torch::tensor(field.probabilities()).view({scene.labels, -1});
}

void print_fidelity(const Scene& scene) {
  torch::set_num_threads(static_cast<int>(std::thread::hardware_concurrency()));
  const auto exact = infer(scene, crf::Engine::kExact);
  const auto print = [&](const char* name, const torch::Tensor& q) {
    const auto agree = exact.argmax(0).eq(q.argmax(0));
    std::cout << scene.rgb.cols << 'x' << scene.rgb.rows << ' ' << name
              << ": mean |dQ| " << (exact - q).abs().mean().item<double>()
              << ", the same label at "
              << 100 * agree.to(torch::kFloat64).mean().item<double>()
              << " % of the pixels\n";
  };
  print("lattice", infer(scene, crf::Engine::kLattice));
  const auto by_pixel = infer_by_textbook(scene, energies_by_pixel(scene), {});
  print("textbook", torch::tensor(by_pixel).view({-1, scene.labels}).t());
}

}  // namespace
}  // namespace deeplab

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: bench_crf PHOTO [HEIGHT WIDTH | --benchmark_...]\n";
    return 2;
  }
  if (argc == 4 && argv[2][0] != '-') {
    deeplab::print_fidelity(
        {argv[1], std::atoi(argv[2]), std::atoi(argv[3]), 21}
    );
    return 0;
  }
  deeplab::apps::prepare_platform();
  const deeplab::Scene photo(argv[1], 375, 500, 21);
  const deeplab::Scene street(argv[1], 1024, 2048, 19);
  const auto add = [](const char* name, const auto& run,
                      const std::vector<int64_t>& arguments) {
    benchmark::RegisterBenchmark(name, run)
        ->Args(arguments)
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
  };
  for (const auto& [position, color, spatial] :
       {std::array<int64_t, 3>{67, 3, 1}, {121, 5, 3}, {80, 13, 3}}) {
    for (const int64_t threads : {2, 1}) {
      for (const double drop : {0.0, 0.5}) {
        add(drop == 0 ? "all_labels" : "labels_above_half",
            [&, drop](auto& state) { deeplab::fast(state, photo, drop); },
            {position, color, spatial, threads});
      }
    }
    add("textbook", [&](auto& state) { deeplab::textbook(state, photo); },
        {position, color, spatial, 1});
  }
  add("street_all_labels",
      [&](auto& state) { deeplab::fast(state, street, 0); }, {67, 3, 1, 2});
  add("street_textbook", [&](auto& state) { deeplab::textbook(state, street); },
      {67, 3, 1, 1});
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
