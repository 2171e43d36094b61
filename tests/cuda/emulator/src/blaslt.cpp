// cuBLASLt: products by a stated algorithm. Each algorithm has its own order of summation, whatever the number of columns, so that
// who keeps an algorithm gets equal bits; which one the heuristic puts first depends on the shape.
#include "blas.h"

#include <cstring>
#include <set>

namespace emulator::blas {
namespace {

// The attributes of the library's objects, by their numbers.
namespace layout {
enum { type = 0, order = 1, rows = 2, cols = 3, ld = 4, batch_count = 5, batch_offset = 6, plane_offset = 7, batch_mode = 8 };
}
namespace desc {
enum { compute = 0, scale = 1, pointer_mode = 2, transa = 3, transb = 4, transc = 5, fill = 6, epilogue = 7, bias = 8, bias_batch = 10, sm_count = 15, bias_type = 26 };
}
namespace preference {
enum { mode = 0, workspace = 1, reductions = 3, align_a = 5, align_d = 8, waves = 9, implementations = 12 };
}
namespace config {
enum { id = 0, tile = 1, splits = 2, reduction = 3, swizzle = 4, custom = 5, stages = 6, inner = 7, cluster = 8 };
}

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

std::set<void *> objects;

template <typename T> T *known(void *object) { return objects.count(object) != 0 ? static_cast<T *>(object) : nullptr; }

template <typename T> int create(void **object, T value) {
    T *made = new T(value);
    objects.insert(made);
    live.handles += 1;
    *object = made;
    return fine;
}

template <typename T> int destroy(void *object) {
    if (objects.erase(object) == 0) {
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

// The algorithms: 0 has no tensor cores and takes every alignment, the others want 16 bytes.
constexpr std::uint32_t ids[] = {0, 6, 21, 24, 31, 66};
constexpr std::uint32_t tiles[] = {15, 18, 20, 24};

bool is_id(std::uint32_t id) {
    for (std::uint32_t one : ids) {
        if (one == id) {
            return true;
        }
    }
    return false;
}

std::int64_t part_of(const Algorithm &algorithm) { return 16ll << ((algorithm.id + algorithm.tile) % 5); }
bool reversed_of(const Algorithm &algorithm) { return algorithm.stages % 2 == 1 && algorithm.id != 0; }

struct Problem {
    const Description *description;
    const Layout *a, *b, *c, *d;
    std::int64_t m, n, k;
    int batch;
    Round inputs;
};

// Puts a problem together, refusing what the library refuses.
Result pose(Problem &p, void *description, void *a, void *b, void *c, void *d) {
    p.description = known<Description>(description);
    p.a = known<Layout>(a);
    p.b = known<Layout>(b);
    p.c = known<Layout>(c);
    p.d = known<Layout>(d);
    if (p.description == nullptr || p.a == nullptr || p.b == nullptr || p.c == nullptr || p.d == nullptr) {
        return wrong(bad_value, "cublasLtMatmul: a description or layout that does not live");
    }
    const Description &what = *p.description;
    if (Result result = check_types("cublasLtMatmul", what.compute, what.scale, p.a->type, p.b->type, p.c->type, p.d->type, p.inputs);
        result != fine) {
        return result;
    }
    if (what.pointer_mode != 0 || what.transc != 0) {
        return wrong(unsupported, "cublasLtMatmul: pointer mode %d, operation on C %d", what.pointer_mode, what.transc);
    }
    for (const Layout *one : {p.a, p.b, p.c, p.d}) {
        std::int64_t least = static_cast<std::int64_t>(one->order == 0 ? one->rows : one->cols);
        if (one->order > 1) {
            return wrong(unsupported, "cublasLtMatmul: order %d of a layout", one->order);
        }
        if (one->rows == 0 || one->cols == 0 || one->ld < least) {
            return wrong(bad_value, "cublasLtMatmul: a layout of %llu rows, %llu columns, leading dimension %lld",
                         static_cast<unsigned long long>(one->rows), static_cast<unsigned long long>(one->cols),
                         static_cast<long long>(one->ld));
        }
        if (one->batch_count != p.d->batch_count) {
            return wrong(bad_value, "cublasLtMatmul: batches of %d and %d matrices", one->batch_count, p.d->batch_count);
        }
    }
    auto rows = [](const Layout *one, int transposed) { return static_cast<std::int64_t>(transposed == 0 ? one->rows : one->cols); };
    auto cols = [](const Layout *one, int transposed) { return static_cast<std::int64_t>(transposed == 0 ? one->cols : one->rows); };
    p.m = static_cast<std::int64_t>(p.d->rows);
    p.n = static_cast<std::int64_t>(p.d->cols);
    p.k = cols(p.a, what.transa);
    p.batch = p.d->batch_count;
    if (rows(p.a, what.transa) != p.m || rows(p.b, what.transb) != p.k || cols(p.b, what.transb) != p.n ||
        static_cast<std::int64_t>(p.c->rows) != p.m || static_cast<std::int64_t>(p.c->cols) != p.n) {
        return wrong(bad_value, "cublasLtMatmul: A is %lld x %lld, B %lld x %lld, C %lld x %lld, D %lld x %lld",
                     static_cast<long long>(rows(p.a, what.transa)), static_cast<long long>(p.k), static_cast<long long>(rows(p.b, what.transb)),
                     static_cast<long long>(cols(p.b, what.transb)), static_cast<long long>(p.c->rows), static_cast<long long>(p.c->cols),
                     static_cast<long long>(p.m), static_cast<long long>(p.n));
    }
    switch (what.epilogue) {
    case 1: case 2: case 4: case 6: case 32: case 36: break;
    default: return wrong(unsupported, "cublasLtMatmul: epilogue %d", what.epilogue);
    }
    return fine;
}

std::uint64_t workspace_of(const Problem &p, const Algorithm &algorithm) {
    if (algorithm.splits <= 1 || (algorithm.reduction & 1u) != 0) {
        return 0;
    }
    std::uint64_t width = algorithm.reduction == 4 ? size_of(static_cast<Type>(p.d->type)) : 4;
    return static_cast<std::uint64_t>(p.m * p.n * p.batch) * width * algorithm.splits;
}

std::int64_t width_of(const Layout *one) { return static_cast<std::int64_t>(size_of(static_cast<Type>(one->type))); }

// Whether the algorithm takes the problem at all, and with these alignments of A, B, C, D in bytes.
bool takes(const Problem &p, const Algorithm &algorithm, const std::uint32_t *alignments) {
    if (algorithm.mark != mark || !is_id(algorithm.id)) {
        return false;
    }
    if (algorithm.splits > 1 && algorithm.reduction == 0) {
        return false;
    }
    // f64 has the first algorithm alone.
    if (algorithm.id == 0) {
        return true;
    }
    if (p.d->type == 1) {
        return false;
    }
    const Layout *all[4] = {p.a, p.b, p.c, p.d};
    for (int i = 0; i < 4; ++i) {
        if (all[i]->ld * width_of(all[i]) % 16 != 0 || alignments[i] % 16 != 0) {
            return false;
        }
    }
    return true;
}

// The algorithms in the order in which the heuristic puts them for this shape.
std::vector<Algorithm> ranked(const Problem &p) {
    std::vector<Algorithm> all;
    auto add = [&](std::uint32_t id, std::uint32_t tile, std::uint32_t splits, std::uint32_t reduction, std::uint32_t stages) {
        all.push_back(Algorithm{mark, id, tile, splits, reduction, 0, 0, stages, 0, 0, {}});
    };
    std::uint32_t first = p.n <= 16 ? 0 : p.n <= 128 ? 1 : p.n <= 1024 ? 2 : 3;
    // Few columns and many products to sum: split first.
    if (p.n <= 128 && p.k >= 128) {
        add(ids[1 + first], tiles[first], 4, 2, 12);
        add(ids[1 + first], tiles[first], 2, 1, 11);
    }
    for (std::uint32_t i = 0; i < 4; ++i) {
        std::uint32_t at = (first + i) % 4;
        add(ids[5 - at], tiles[at], 1, 0, 11 + at);
    }
    add(0, tiles[0], 1, 0, 8);
    return all;
}

Matrix stored(const void *pointer, const Layout *one, bool transposed) {
    bool rows_are_apart = (one->order == 1) != transposed;
    return {reinterpret_cast<std::uint64_t>(pointer), static_cast<Type>(one->type), rows_are_apart ? one->ld : 1,
            rows_are_apart ? 1 : one->ld, one->batch_offset};
}

std::uint32_t alignment_of(const void *pointer) {
    std::uint64_t at = reinterpret_cast<std::uint64_t>(pointer);
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(at & (~at + 1), 256));
}

struct Heuristic {
    Algorithm algorithm;
    std::size_t workspace;
    int state;
    float waves;
    int reserved[4];
};
static_assert(sizeof(Heuristic) == 96);

} // namespace
} // namespace emulator::blas

using namespace emulator;
using namespace emulator::blas;

EXPORT int cublasLtCreate(void **handle) {
    Lock held = lock();
    return current() == nullptr ? handle_missing : create(handle, Handle{current()});
}
EXPORT int cublasLtDestroy(void *handle) {
    Lock held = lock();
    return destroy<Handle>(handle);
}
EXPORT std::size_t cublasLtGetVersion() { return 130000; }
EXPORT std::size_t cublasLtGetCudartVersion() { return 13000; }

EXPORT int cublasLtMatrixLayoutCreate(void **object, int type, std::uint64_t rows, std::uint64_t cols, std::int64_t ld) {
    Lock held = lock();
    Layout made;
    made.type = type;
    made.rows = rows;
    made.cols = cols;
    made.ld = ld;
    return create(object, made);
}
EXPORT int cublasLtMatrixLayoutDestroy(void *object) {
    Lock held = lock();
    return destroy<Layout>(object);
}
EXPORT int cublasLtMatrixLayoutSetAttribute(void *object, int attribute, const void *from, std::size_t size) {
    Lock held = lock();
    Layout *one = known<Layout>(object);
    if (one == nullptr) {
        return bad_value;
    }
    bool good = false;
    switch (attribute) {
    case layout::type: good = take(one->type, from, size); break;
    case layout::order: good = take(one->order, from, size); break;
    case layout::rows: good = take(one->rows, from, size); break;
    case layout::cols: good = take(one->cols, from, size); break;
    case layout::ld: good = take(one->ld, from, size); break;
    case layout::batch_count: good = take(one->batch_count, from, size); break;
    case layout::batch_offset: good = take(one->batch_offset, from, size); break;
    default: return wrong(unsupported, "attribute %d of a layout", attribute);
    }
    return good ? fine : wrong(bad_value, "attribute %d of a layout with %zu bytes", attribute, size);
}

EXPORT int cublasLtMatmulDescCreate(void **object, int compute, int scale) {
    Lock held = lock();
    Description made;
    made.compute = compute;
    made.scale = scale;
    return create(object, made);
}
EXPORT int cublasLtMatmulDescDestroy(void *object) {
    Lock held = lock();
    return destroy<Description>(object);
}
EXPORT int cublasLtMatmulDescSetAttribute(void *object, int attribute, const void *from, std::size_t size) {
    Lock held = lock();
    Description *one = known<Description>(object);
    if (one == nullptr) {
        return bad_value;
    }
    bool good = false;
    int ignored = 0;
    switch (attribute) {
    case desc::compute: good = take(one->compute, from, size); break;
    case desc::scale: good = take(one->scale, from, size); break;
    case desc::pointer_mode: good = take(one->pointer_mode, from, size); break;
    case desc::transa: good = take(one->transa, from, size); break;
    case desc::transb: good = take(one->transb, from, size); break;
    case desc::transc: good = take(one->transc, from, size); break;
    case desc::epilogue: good = take(one->epilogue, from, size); break;
    case desc::bias: good = take(one->bias, from, size); break;
    case desc::bias_batch: good = take(one->bias_batch, from, size); break;
    case desc::bias_type: good = take(one->bias_type, from, size); break;
    case desc::sm_count: good = take(ignored, from, size); break;
    default: return wrong(unsupported, "attribute %d of a product", attribute);
    }
    return good ? fine : wrong(bad_value, "attribute %d of a product with %zu bytes", attribute, size);
}
EXPORT int cublasLtMatmulDescGetAttribute(void *object, int attribute, void *to, std::size_t size, std::size_t *written) {
    Lock held = lock();
    Description *one = known<Description>(object);
    if (one == nullptr) {
        return bad_value;
    }
    switch (attribute) {
    case desc::compute: return give(one->compute, to, size, written);
    case desc::scale: return give(one->scale, to, size, written);
    case desc::transa: return give(one->transa, to, size, written);
    case desc::transb: return give(one->transb, to, size, written);
    case desc::epilogue: return give(one->epilogue, to, size, written);
    case desc::bias: return give(one->bias, to, size, written);
    default: return wrong(unsupported, "attribute %d of a product", attribute);
    }
}

EXPORT int cublasLtMatmulPreferenceCreate(void **object) {
    Lock held = lock();
    return create(object, Preference{});
}
EXPORT int cublasLtMatmulPreferenceDestroy(void *object) {
    Lock held = lock();
    return destroy<Preference>(object);
}
EXPORT int cublasLtMatmulPreferenceSetAttribute(void *object, int attribute, const void *from, std::size_t size) {
    Lock held = lock();
    Preference *one = known<Preference>(object);
    if (one == nullptr) {
        return bad_value;
    }
    bool good = false;
    std::uint32_t ignored = 0;
    float waves = 0.0f;
    std::uint64_t implementations = 0;
    switch (attribute) {
    case preference::mode: good = take(ignored, from, size); break;
    case preference::workspace: good = take(one->workspace, from, size); break;
    case preference::reductions: good = take(one->reductions, from, size); break;
    case preference::waves: good = take(waves, from, size); break;
    case preference::implementations: good = take(implementations, from, size); break;
    default:
        if (attribute < preference::align_a || attribute > preference::align_d) {
            return wrong(unsupported, "attribute %d of a preference", attribute);
        }
        good = take(one->alignments[attribute - preference::align_a], from, size);
    }
    return good ? fine : wrong(bad_value, "attribute %d of a preference with %zu bytes", attribute, size);
}

EXPORT int cublasLtMatmulAlgoGetHeuristic(void *handle, void *description, void *a, void *b, void *c, void *d, void *preference_, int wanted,
                                          Heuristic *results, int *count) {
    Lock held = lock();
    if (known<Handle>(handle) == nullptr) {
        return handle_missing;
    }
    const Preference *preference = known<Preference>(preference_);
    if (preference == nullptr || wanted < 1 || results == nullptr || count == nullptr) {
        return bad_value;
    }
    *count = 0;
    Problem p{};
    if (Result result = pose(p, description, a, b, c, d); result != fine) {
        return result;
    }
    for (const Algorithm &one : ranked(p)) {
        std::uint64_t workspace = workspace_of(p, one);
        bool reduces = one.splits == 1 || (preference->reductions & one.reduction) != 0;
        if (*count < wanted && reduces && workspace <= preference->workspace && takes(p, one, preference->alignments)) {
            results[*count] = Heuristic{one, workspace, fine, 1.0f, {}};
            *count += 1;
        }
    }
    return *count > 0 ? fine : wrong(unsupported, "cublasLtMatmulAlgoGetHeuristic: no algorithm");
}

EXPORT int cublasLtMatmulAlgoGetIds(void *handle, int compute, int scale, int a, int b, int c, int d, int wanted, int *to, int *count) {
    Lock held = lock();
    if (known<Handle>(handle) == nullptr) {
        return handle_missing;
    }
    Round inputs = Round::none;
    if (Result result = check_types("cublasLtMatmulAlgoGetIds", compute, scale, a, b, c, d, inputs); result != fine) {
        return result;
    }
    *count = 0;
    for (std::uint32_t id : ids) {
        if (*count < wanted && (d != 1 || id == 0)) {
            to[(*count)++] = static_cast<int>(id);
        }
    }
    return fine;
}

EXPORT int cublasLtMatmulAlgoInit(void *handle, int compute, int scale, int a, int b, int c, int d, int id, Algorithm *algorithm) {
    Lock held = lock();
    if (known<Handle>(handle) == nullptr) {
        return handle_missing;
    }
    Round inputs = Round::none;
    if (Result result = check_types("cublasLtMatmulAlgoInit", compute, scale, a, b, c, d, inputs); result != fine) {
        return result;
    }
    if (id < 0 || !is_id(static_cast<std::uint32_t>(id))) {
        return wrong(bad_value, "cublasLtMatmulAlgoInit: no algorithm %d", id);
    }
    *algorithm = Algorithm{mark, static_cast<std::uint32_t>(id), tiles[0], 1, 0, 0, 0, 8, 0, 0, {}};
    return fine;
}

EXPORT int cublasLtMatmulAlgoCheck(void *handle, void *description, void *a, void *b, void *c, void *d, const Algorithm *algorithm,
                                   Heuristic *result) {
    Lock held = lock();
    if (known<Handle>(handle) == nullptr) {
        return handle_missing;
    }
    Problem p{};
    if (Result posed = pose(p, description, a, b, c, d); posed != fine) {
        return posed;
    }
    const std::uint32_t alignments[4] = {256, 256, 256, 256};
    if (algorithm == nullptr || !takes(p, *algorithm, alignments)) {
        return unsupported;
    }
    *result = Heuristic{*algorithm, workspace_of(p, *algorithm), fine, 1.0f, {}};
    return fine;
}

static std::uint32_t *setting(Algorithm &algorithm, int attribute) {
    switch (attribute) {
    case config::id: return &algorithm.id;
    case config::tile: return &algorithm.tile;
    case config::splits: return &algorithm.splits;
    case config::reduction: return &algorithm.reduction;
    case config::swizzle: return &algorithm.swizzle;
    case config::custom: return &algorithm.custom;
    case config::stages: return &algorithm.stages;
    default: return nullptr;
    }
}

EXPORT int cublasLtMatmulAlgoConfigSetAttribute(Algorithm *algorithm, int attribute, const void *from, std::size_t size) {
    if (algorithm == nullptr || algorithm->mark != mark || attribute == config::id) {
        return bad_value;
    }
    if (attribute == config::inner || attribute == config::cluster) {
        std::uint16_t value = 0;
        if (!take(value, from, size)) {
            return bad_value;
        }
        (attribute == config::inner ? algorithm->inner : algorithm->cluster) = value;
        return fine;
    }
    std::uint32_t *value = setting(*algorithm, attribute);
    return value != nullptr && take(*value, from, size) ? fine : bad_value;
}

EXPORT int cublasLtMatmulAlgoConfigGetAttribute(const Algorithm *algorithm, int attribute, void *to, std::size_t size, std::size_t *written) {
    if (algorithm == nullptr || algorithm->mark != mark) {
        return bad_value;
    }
    Algorithm copy = *algorithm;
    if (attribute == config::inner || attribute == config::cluster) {
        return give(static_cast<std::uint16_t>(attribute == config::inner ? copy.inner : copy.cluster), to, size, written);
    }
    const std::uint32_t *value = setting(copy, attribute);
    return value != nullptr ? give(*value, to, size, written) : bad_value;
}

EXPORT int cublasLtMatmulAlgoCapGetAttribute(const Algorithm *algorithm, int attribute, void *to, std::size_t size, std::size_t *written) {
    if (algorithm == nullptr || algorithm->mark != mark) {
        return bad_value;
    }
    std::uint32_t count = sizeof tiles / sizeof tiles[0];
    switch (attribute) {
    case 0: return give(std::int32_t(1), to, size, written);                     // split-K
    case 1: return give(std::uint32_t(7), to, size, written);                    // reduction schemes
    case 2: return give(std::uint32_t(0), to, size, written);                    // swizzling
    case 3: case 4: return give(std::int32_t(1), to, size, written);             // batches, results out of place
    case 5: return give(std::int32_t(0), to, size, written);
    case 6:                                                                      // tiles
        if (written != nullptr) {
            *written = sizeof tiles;
        }
        std::memcpy(to, tiles, std::min<std::size_t>(size, count * sizeof tiles[0]));
        return fine;
    case 7: return give(std::int32_t(0), to, size, written);                     // custom options
    case 12: return give(std::uint32_t(1 | 2 | 4 | 32), to, size, written);      // epilogues
    case 15: return give(std::uint64_t(algorithm->id == 0 ? 0x1 : 0x2), to, size, written);
    case 16: case 17: case 18: case 19: return give(std::uint32_t(algorithm->id == 0 ? 2 : 16), to, size, written);
    default: return wrong(unsupported, "capability %d of an algorithm", attribute);
    }
}

EXPORT int cublasLtMatmul(void *handle, void *description, const void *alpha, const void *a, void *a_layout, const void *b, void *b_layout,
                          const void *beta, const void *c, void *c_layout, void *d, void *d_layout, const Algorithm *algorithm,
                          void *workspace, std::size_t workspace_size, void *stream_handle) {
    Lock held = lock();
    if (known<Handle>(handle) == nullptr) {
        return handle_missing;
    }
    Problem p{};
    if (Result result = pose(p, description, a_layout, b_layout, c_layout, d_layout); result != fine) {
        return result;
    }
    if (alpha == nullptr || beta == nullptr || a == nullptr || b == nullptr || d == nullptr) {
        return wrong(bad_value, "cublasLtMatmul: a null pointer");
    }
    const std::uint32_t alignments[4] = {alignment_of(a), alignment_of(b), alignment_of(c), alignment_of(d)};
    const Layout *all[4] = {p.a, p.b, p.c, p.d};
    for (int i = 0; i < 4; ++i) {
        if (alignments[i] % width_of(all[i]) != 0) {
            return wrong(bad_value, "cublasLtMatmul: pointer %c is not aligned to its type", "ABCD"[i]);
        }
    }
    Algorithm chosen{};
    if (algorithm != nullptr) {
        chosen = *algorithm;
        if (!takes(p, chosen, alignments)) {
            return wrong(unsupported, "cublasLtMatmul: algorithm %u does not take this problem, its leading dimensions or its pointers", chosen.id);
        }
    } else {
        for (const Algorithm &one : ranked(p)) {
            if (chosen.mark == 0 && workspace_of(p, one) <= workspace_size && takes(p, one, alignments)) {
                chosen = one;
            }
        }
    }
    Status status = success;
    std::shared_ptr<Stream> stream = own_stream_of(stream_handle, status);
    if (stream == nullptr) {
        return from(status);
    }
    std::uint64_t needed = workspace_of(p, chosen);
    if (needed > workspace_size) {
        return wrong(bad_value, "cublasLtMatmul: the algorithm wants %llu bytes to work in, there are %zu", static_cast<unsigned long long>(needed),
                     workspace_size);
    }
    std::uint64_t room = reinterpret_cast<std::uint64_t>(workspace);
    if (workspace_size > 0 && (room % 16 != 0 || memory(room, workspace_size, stream->device, "workspace of cublasLtMatmul") == nullptr)) {
        return bad_value;
    }
    const Description &what = *p.description;
    Product product{};
    product.m = p.m;
    product.n = p.n;
    product.k = p.k;
    product.batch = p.batch;
    product.a = stored(a, p.a, what.transa != 0);
    product.b = stored(b, p.b, what.transb != 0);
    product.c = stored(c, p.c, false);
    product.d = stored(d, p.d, false);
    product.alpha = scalar(alpha, what.scale);
    product.beta = scalar(beta, what.scale);
    if (product.beta != 0.0 && c == nullptr) {
        return wrong(bad_value, "cublasLtMatmul: a null pointer");
    }
    product.inputs = p.inputs;
    product.part = part_of(chosen);
    product.splits = chosen.splits;
    product.reversed = reversed_of(chosen);
    if ((what.epilogue & 4) != 0) {
        if (what.bias == 0) {
            return wrong(bad_value, "cublasLtMatmul: an epilogue with a bias and no pointer to it");
        }
        product.bias = what.bias;
        product.bias_type = static_cast<Type>(what.bias_type < 0 ? p.d->type : what.bias_type);
        product.bias_batch = what.bias_batch;
    }
    product.function = (what.epilogue & 2) != 0 ? Product::relu : (what.epilogue & 32) != 0 ? Product::gelu : Product::plain;
    Device *device = stream->device;
    return from(enqueue(stream, "cublasLtMatmul", [=] { return run_product(*device, product); }));
}
