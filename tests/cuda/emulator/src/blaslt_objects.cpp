// cuBLASLt's handles, layouts, descriptions and preferences.
#include "blaslt.h"

namespace emulator::blas {

std::set<void *> &objects() {
    static auto *all = new std::set<void *>;
    return *all;
}

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
