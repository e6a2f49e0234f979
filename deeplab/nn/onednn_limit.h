// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace deeplab::nn {

/// Keeps convolutions correct on virtual machines that hide the sizes of the
/// CPU's caches. There, oneDNN 3.6 (Debian 13's) computes wrong values for the
/// last output channels of some 1x1 convolutions of channels_last maps, or
/// divides by zero and ends the process. Its AVX kernels are correct, but take
/// about twice as long; bfloat16 has no AVX kernels and takes far longer.
///
/// If the CPU's caches are hidden and LibTorch contains oneDNN 3.0 to 3.11,
/// this function sets the environment variable ONEDNN_MAX_CPU_ISA to AVX,
/// unless the variable is set already. (oneDNN 2.6 and 3.12 were found to be
/// correct.)
///
/// oneDNN reads the variable at the first convolution of the process, so this
/// function must run before it. make_backbone() and load_torchscript() call it.
///
/// Returns: true if convolutions are slower for this reason.
bool limit_onednn_to_avx();

}  // namespace deeplab::nn
