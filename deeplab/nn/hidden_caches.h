// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace deeplab::nn {

/// Keeps convolutions right in virtual machines that hide the sizes of their
/// CPU's caches. There, oneDNN 3.6 (Debian 13's) sums the last output channels
/// of some 1x1 convolutions of channels_last maps wrongly, or divides by zero
/// and ends the process. Its AVX kernels do neither, but take about twice as
/// long (bfloat16, for which there are none, far longer). So this sets the
/// variable ONEDNN_MAX_CPU_ISA to AVX, unless it is set, where the CPU's caches
/// are hidden and LibTorch has a oneDNN from 3.0 to 3.11. (2.6 and 3.12 were
/// seen to be right.)
///
/// oneDNN reads the variable at the first convolution of the process, so that
/// this must run before. make_backbone() and load_torchscript() call it.
///
/// Returns: whether convolutions are slower for this reason.
bool keep_convolutions_right();

}  // namespace deeplab::nn
