// Which products cuBLASLt takes, and with which of its algorithms.
#include "blaslt.h"

namespace emulator::blas {

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

} // namespace emulator::blas
