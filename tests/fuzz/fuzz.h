/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * fuzz: what a fuzz target defines (libFuzzer's interface). Not a room; included by *_fuzz.c and replay.c.
 */
#ifndef MG_TESTS_FUZZ_H
#define MG_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Feed one input to the code under test; a fault shows as a crash, a sanitizer report or an abort().
 *
 * data, size  The input, in an allocation of exactly that size.
 * Returns     0.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Called once before the first input. Optional. */
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* Change `data` in place, keeping it well-formed where that matters. Optional.
 *
 * Returns     the new size, at most `max`.
 */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed);

/* libFuzzer's own mutation, for use inside LLVMFuzzerCustomMutator. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);

#endif
