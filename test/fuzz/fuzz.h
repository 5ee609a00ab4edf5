// libFuzzer's entry. A fuzzer links one: it is called with each input, in one process.
#ifndef ATOLL_TEST_FUZZ_FUZZ_H
#define ATOLL_TEST_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv); // optional

#endif
