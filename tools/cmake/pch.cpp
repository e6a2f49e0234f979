// SPDX-License-Identifier: Apache-2.0
// Source file of the target with the precompiled header; it contains no code.
