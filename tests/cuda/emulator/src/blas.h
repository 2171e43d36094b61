// What cuBLAS and cuBLASLt share: statuses, types, and which of them go together.
#pragma once

#include "emulator.h"

namespace emulator::blas {

enum Result : int {
    fine = 0,
    handle_missing = 1,
    no_memory = 3,
    bad_value = 7,
    execution_failed = 13,
    unsupported = 15,
};

Result wrong(Result result, const char *format, ...) __attribute__((format(printf, 2, 3)));
Result from(Status status);

// Whether a product of these types is one that the libraries compute, and how its inputs are rounded.
Result check_types(const char *who, int compute, int scale, int a, int b, int c, int d, Round &inputs);
// A factor on the host in the type of the scale.
double scalar(const void *value, int scale);

} // namespace emulator::blas
