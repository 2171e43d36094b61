// The objects of cuBLASLt, its algorithms, and what a product of it is.
#pragma once

#include "blas.h"

#include <cstring>
#include <set>

namespace emulator::blas {

struct Layout {
    int type = 0, order = 0;
    std::uint64_t rows = 0, cols = 0;
    std::int64_t ld = 0;
    int batch_count = 1;
    std::int64_t batch_offset = 0;
};

struct Description {
    int compute = 68, scale = 0, pointer_mode = 0, transa = 0, transb = 0, transc = 0, epilogue = 1, bias_type = -1;
    std::uint64_t bias = 0;
    std::int64_t bias_batch = 0;
};

struct Preference {
    std::uint64_t workspace = 0;
    std::uint32_t reductions = 7;
    std::uint32_t alignments[4] = {256, 256, 256, 256};
};

struct Handle {
    Device *device;
};

// All objects that live, by their handles.
std::set<void *> &objects();

template <typename T> T *known(void *object) { return objects().count(object) != 0 ? static_cast<T *>(object) : nullptr; }

template <typename T> int create(void **object, T value) {
    T *made = new T(value);
    objects().insert(made);
    live.handles += 1;
    *object = made;
    return fine;
}

template <typename T> int destroy(void *object) {
    if (objects().erase(object) == 0) {
        return bad_value;
    }
    delete static_cast<T *>(object);
    live.handles -= 1;
    return fine;
}

// Reads a value of the size that an attribute has.
template <typename T> bool take(T &value, const void *from, std::size_t size) {
    if (from == nullptr || size != sizeof(T)) {
        return false;
    }
    std::memcpy(&value, from, sizeof(T));
    return true;
}

template <typename T> int give(const T &value, void *to, std::size_t size, std::size_t *written) {
    if (written != nullptr) {
        *written = sizeof(T);
    }
    if (size == 0 && written != nullptr) {
        return fine;
    }
    if (to == nullptr || size < sizeof(T)) {
        return bad_value;
    }
    std::memcpy(to, &value, sizeof(T));
    return fine;
}

// What is in the 64 bytes of an algorithm.
struct Algorithm {
    std::uint32_t mark, id, tile, splits, reduction, swizzle, custom, stages, inner, cluster, unused[6];
};
static_assert(sizeof(Algorithm) == 64);
constexpr std::uint32_t mark = 0x45494453;

// The numbers of all algorithms and their tiles. 0 has no tensor cores and takes every alignment, the others want 16 bytes.
inline constexpr std::uint32_t ids[] = {0, 6, 21, 24, 31, 66};
inline constexpr std::uint32_t tiles[] = {15, 18, 20, 24};
bool is_id(std::uint32_t id);
// The order in which an algorithm sums.
std::int64_t part_of(const Algorithm &algorithm);
bool reversed_of(const Algorithm &algorithm);

struct Problem {
    const Description *description;
    const Layout *a, *b, *c, *d;
    std::int64_t m, n, k;
    int batch;
    Round inputs;
};

// Puts a problem together, refusing what the library refuses.
Result pose(Problem &p, void *description, void *a, void *b, void *c, void *d);
// The bytes that the algorithm wants to work in.
std::uint64_t workspace_of(const Problem &p, const Algorithm &algorithm);
// Whether the algorithm takes the problem at all, and with these alignments of A, B, C, D in bytes.
bool takes(const Problem &p, const Algorithm &algorithm, const std::uint32_t *alignments);
// The algorithms in the order in which the heuristic puts them for this shape.
std::vector<Algorithm> ranked(const Problem &p);
// The bytes of an element.
std::int64_t width_of(const Layout *one);

struct Heuristic {
    Algorithm algorithm;
    std::size_t workspace;
    int state;
    float waves;
    int reserved[4];
};
static_assert(sizeof(Heuristic) == 96);

} // namespace emulator::blas
