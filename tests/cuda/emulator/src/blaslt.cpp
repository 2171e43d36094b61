// cuBLASLt: products by a stated algorithm. Each algorithm has its own order of summation, whatever the number of columns, so that
// who keeps an algorithm gets equal bits; which one the heuristic puts first depends on the shape.
#include "blaslt.h"

namespace emulator::blas {
namespace {

namespace config {
enum { id = 0, tile = 1, splits = 2, reduction = 3, swizzle = 4, custom = 5, stages = 6, inner = 7, cluster = 8 };
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

} // namespace
} // namespace emulator::blas

using namespace emulator;
using namespace emulator::blas;

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
