// cuBLAS: what cudarc's safe layer and candle's matmul call.
// The order of summation follows from how many columns there are, so that a row's bits depend on its batch as they do there.
#include "blas.h"

#include <cstdarg>
#include <cstdio>
#include <set>

namespace emulator::blas {

Result wrong(Result result, const char *format, ...) {
    char text[512];
    std::va_list values;
    va_start(values, format);
    std::vsnprintf(text, sizeof text, format, values);
    va_end(values);
    report("%s", text);
    return result;
}

Result from(Status status) { return status == success ? fine : execution_failed; }

Result check_types(const char *who, int compute, int scale, int a, int b, int c, int d, Round &inputs) {
    constexpr int f32 = 0, f64 = 1, f16 = 2, bf16 = 14;
    inputs = Round::none;
    bool good = false;
    switch (compute) {
    case 64: case 65: good = scale == f16 && a == f16 && b == f16 && c == f16 && d == f16; break;
    case 68: case 69:
        good = scale == f32 && a == b && c == d &&
               ((a == f32 && c == f32) || (a == f16 && (c == f16 || c == f32)) || (a == bf16 && (c == bf16 || c == f32)));
        break;
    case 74: inputs = Round::f16; good = scale == f32 && a == f32 && b == f32 && c == f32 && d == f32; break;
    case 75: inputs = Round::bf16; good = scale == f32 && a == f32 && b == f32 && c == f32 && d == f32; break;
    case 77: inputs = Round::tf32; good = scale == f32 && a == f32 && b == f32 && c == f32 && d == f32; break;
    case 70: case 71: good = scale == f64 && a == f64 && b == f64 && c == f64 && d == f64; break;
    default: break;
    }
    return good ? fine : wrong(unsupported, "%s: compute type %d with scale %d, A %d, B %d, C %d, D %d", who, compute, scale, a, b, c, d);
}

double scalar(const void *value, int scale) {
    switch (scale) {
    case 1: return *static_cast<const double *>(value);
    case 2: {
        std::uint16_t half = *static_cast<const std::uint16_t *>(value);
        int exponent = half >> 10 & 31;
        double size = exponent == 0 ? __builtin_ldexp(half & 1023, -24) : __builtin_ldexp(1024 + (half & 1023), exponent - 25);
        return (half & 0x8000) != 0 ? -size : size;
    }
    default: return static_cast<double>(*static_cast<const float *>(value));
    }
}

namespace {

struct Handle {
    Device *device;
    void *stream;
    int math;
    int pointer_mode;
};

std::set<Handle *> handles;

struct Request {
    const char *who;
    int transa, transb;
    std::int64_t m, n, k;
    const void *alpha;
    const void *a;
    int a_type;
    std::int64_t lda, a_batch;
    const void *b;
    int b_type;
    std::int64_t ldb, b_batch;
    const void *beta;
    void *c;
    int c_type;
    std::int64_t ldc, c_batch, batch;
    int compute, scale;
};

Matrix stored(const void *pointer, int type, std::int64_t ld, std::int64_t batch, bool transposed) {
    std::int64_t row = transposed ? ld : 1, column = transposed ? 1 : ld;
    return {reinterpret_cast<std::uint64_t>(pointer), static_cast<Type>(type), row, column, batch};
}

int multiply(void *handle_, const Request &r) {
    Lock held = lock();
    Handle *handle = static_cast<Handle *>(handle_);
    if (handles.count(handle) == 0) {
        return handle_missing;
    }
    if (handle->pointer_mode != 0) {
        return wrong(unsupported, "%s: factors in device memory", r.who);
    }
    Round inputs = Round::none;
    if (Result result = check_types(r.who, r.compute, r.scale, r.a_type, r.b_type, r.c_type, r.c_type, inputs); result != fine) {
        return result;
    }
    if (r.m < 0 || r.n < 0 || r.k < 0 || r.batch < 0 || r.transa < 0 || r.transa > 2 || r.transb < 0 || r.transb > 2) {
        return wrong(bad_value, "%s: m %lld, n %lld, k %lld, batch %lld", r.who, static_cast<long long>(r.m), static_cast<long long>(r.n),
                     static_cast<long long>(r.k), static_cast<long long>(r.batch));
    }
    std::int64_t a_rows = r.transa == 0 ? r.m : r.k, b_rows = r.transb == 0 ? r.k : r.n;
    if (r.lda < std::max<std::int64_t>(1, a_rows) || r.ldb < std::max<std::int64_t>(1, b_rows) || r.ldc < std::max<std::int64_t>(1, r.m)) {
        return wrong(bad_value, "%s: a leading dimension is too small: lda %lld for %lld rows, ldb %lld for %lld, ldc %lld for %lld", r.who,
                     static_cast<long long>(r.lda), static_cast<long long>(a_rows), static_cast<long long>(r.ldb),
                     static_cast<long long>(b_rows), static_cast<long long>(r.ldc), static_cast<long long>(r.m));
    }
    Status status = success;
    std::shared_ptr<Stream> stream = own_stream_of(handle->stream, status);
    if (stream == nullptr) {
        return from(status);
    }
    if (handle->math == 3 && r.compute == 68 && r.a_type == 0) {
        inputs = Round::tf32;
    }
    Product product{};
    product.m = r.m;
    product.n = r.n;
    product.k = r.k;
    product.batch = r.batch;
    product.a = stored(r.a, r.a_type, r.lda, r.a_batch, r.transa != 0);
    product.b = stored(r.b, r.b_type, r.ldb, r.b_batch, r.transb != 0);
    product.c = product.d = stored(r.c, r.c_type, r.ldc, r.c_batch, false);
    product.alpha = scalar(r.alpha, r.scale);
    product.beta = scalar(r.beta, r.scale);
    product.inputs = inputs;
    product.part = r.n <= 4 ? 8 : r.n <= 16 ? 16 : r.n <= 64 ? 32 : r.n <= 256 ? 64 : 128;
    product.splits = r.n <= 4 && r.k >= 64 ? 2 : 1;
    product.reversed = r.n > 16;
    Device *device = stream->device;
    return from(enqueue(stream, r.who, [=] { return run_product(*device, product); }));
}

} // namespace
} // namespace emulator::blas

using namespace emulator;
using namespace emulator::blas;

EXPORT int cublasCreate_v2(void **handle) {
    Lock held = lock();
    if (current() == nullptr) {
        return handle_missing;
    }
    Handle *made = new Handle{current(), nullptr, 0, 0};
    handles.insert(made);
    live.handles += 1;
    *handle = made;
    return fine;
}

EXPORT int cublasDestroy_v2(void *handle) {
    Lock held = lock();
    Handle *one = static_cast<Handle *>(handle);
    if (handles.erase(one) == 0) {
        return handle_missing;
    }
    delete one;
    live.handles -= 1;
    return fine;
}

static Handle *known(void *handle) {
    Handle *one = static_cast<Handle *>(handle);
    return handles.count(one) != 0 ? one : nullptr;
}

EXPORT int cublasSetStream_v2(void *handle, void *stream) {
    Lock held = lock();
    Handle *one = known(handle);
    if (one == nullptr) {
        return handle_missing;
    }
    one->stream = stream;
    return fine;
}
EXPORT int cublasGetStream_v2(void *handle, void **stream) {
    Lock held = lock();
    Handle *one = known(handle);
    if (one == nullptr) {
        return handle_missing;
    }
    *stream = one->stream;
    return fine;
}
EXPORT int cublasSetMathMode(void *handle, int mode) {
    Lock held = lock();
    Handle *one = known(handle);
    if (one == nullptr) {
        return handle_missing;
    }
    one->math = mode;
    return fine;
}
EXPORT int cublasGetMathMode(void *handle, int *mode) {
    Lock held = lock();
    Handle *one = known(handle);
    if (one == nullptr) {
        return handle_missing;
    }
    *mode = one->math;
    return fine;
}
EXPORT int cublasSetPointerMode_v2(void *handle, int mode) {
    Lock held = lock();
    Handle *one = known(handle);
    if (one == nullptr) {
        return handle_missing;
    }
    one->pointer_mode = mode;
    return fine;
}
EXPORT int cublasGetPointerMode_v2(void *handle, int *mode) {
    Lock held = lock();
    Handle *one = known(handle);
    if (one == nullptr) {
        return handle_missing;
    }
    *mode = one->pointer_mode;
    return fine;
}
EXPORT int cublasSetAtomicsMode(void *, int) { return fine; }
EXPORT int cublasSetSmCountTarget(void *, int) { return fine; }

EXPORT int cublasSetWorkspace_v2(void *handle, void *workspace, std::size_t size) {
    Lock held = lock();
    Handle *one = known(handle);
    if (one == nullptr) {
        return handle_missing;
    }
    std::uint64_t pointer = reinterpret_cast<std::uint64_t>(workspace);
    bool good = size == 0 || (pointer % 256 == 0 && memory(pointer, size, one->device, "workspace of cuBLAS") != nullptr);
    return good ? fine : bad_value;
}

EXPORT int cublasGetVersion_v2(void *, int *version) {
    *version = 130000;
    return fine;
}

static const char *status_text(int status, bool name) {
    switch (status) {
    case fine: return name ? "CUBLAS_STATUS_SUCCESS" : "success";
    case handle_missing: return name ? "CUBLAS_STATUS_NOT_INITIALIZED" : "the library was not initialized";
    case no_memory: return name ? "CUBLAS_STATUS_ALLOC_FAILED" : "the resource allocation failed";
    case bad_value: return name ? "CUBLAS_STATUS_INVALID_VALUE" : "an unsupported value or parameter was passed to the function";
    case execution_failed: return name ? "CUBLAS_STATUS_EXECUTION_FAILED" : "the function failed to launch on the GPU";
    case unsupported: return name ? "CUBLAS_STATUS_NOT_SUPPORTED" : "the functionality requested is not supported";
    default: return "unknown";
    }
}
EXPORT const char *cublasGetStatusName(int status) { return status_text(status, true); }
EXPORT const char *cublasGetStatusString(int status) { return status_text(status, false); }
EXPORT const char *cublasLtGetStatusName(int status) { return status_text(status, true); }
EXPORT const char *cublasLtGetStatusString(int status) { return status_text(status, false); }

// The type that alpha and beta have.
static int scale_of(int compute) { return compute == 64 || compute == 65 ? 2 : compute == 70 || compute == 71 ? 1 : 0; }

EXPORT int cublasGemmStridedBatchedEx(void *handle, int transa, int transb, int m, int n, int k, const void *alpha, const void *a, int a_type,
                                      int lda, long long a_batch, const void *b, int b_type, int ldb, long long b_batch, const void *beta,
                                      void *c, int c_type, int ldc, long long c_batch, int batch, int compute, int) {
    return multiply(handle, {"cublasGemmStridedBatchedEx", transa, transb, m, n, k, alpha, a, a_type, lda, a_batch, b, b_type, ldb, b_batch,
                             beta, c, c_type, ldc, c_batch, batch, compute, scale_of(compute)});
}
EXPORT int cublasGemmEx(void *handle, int transa, int transb, int m, int n, int k, const void *alpha, const void *a, int a_type, int lda,
                        const void *b, int b_type, int ldb, const void *beta, void *c, int c_type, int ldc, int compute, int) {
    return multiply(handle, {"cublasGemmEx", transa, transb, m, n, k, alpha, a, a_type, lda, 0, b, b_type, ldb, 0, beta, c, c_type, ldc, 0, 1,
                             compute, scale_of(compute)});
}
EXPORT int cublasSgemm_v2(void *handle, int transa, int transb, int m, int n, int k, const float *alpha, const float *a, int lda,
                          const float *b, int ldb, const float *beta, float *c, int ldc) {
    return multiply(handle, {"cublasSgemm", transa, transb, m, n, k, alpha, a, 0, lda, 0, b, 0, ldb, 0, beta, c, 0, ldc, 0, 1, 68, 0});
}
EXPORT int cublasDgemm_v2(void *handle, int transa, int transb, int m, int n, int k, const double *alpha, const double *a, int lda,
                          const double *b, int ldb, const double *beta, double *c, int ldc) {
    return multiply(handle, {"cublasDgemm", transa, transb, m, n, k, alpha, a, 1, lda, 0, b, 1, ldb, 0, beta, c, 1, ldc, 0, 1, 70, 1});
}
EXPORT int cublasSgemmStridedBatched(void *handle, int transa, int transb, int m, int n, int k, const float *alpha, const float *a, int lda,
                                     long long a_batch, const float *b, int ldb, long long b_batch, const float *beta, float *c, int ldc,
                                     long long c_batch, int batch) {
    return multiply(handle, {"cublasSgemmStridedBatched", transa, transb, m, n, k, alpha, a, 0, lda, a_batch, b, 0, ldb, b_batch, beta, c, 0,
                             ldc, c_batch, batch, 68, 0});
}
EXPORT int cublasDgemmStridedBatched(void *handle, int transa, int transb, int m, int n, int k, const double *alpha, const double *a, int lda,
                                     long long a_batch, const double *b, int ldb, long long b_batch, const double *beta, double *c, int ldc,
                                     long long c_batch, int batch) {
    return multiply(handle, {"cublasDgemmStridedBatched", transa, transb, m, n, k, alpha, a, 1, lda, a_batch, b, 1, ldb, b_batch, beta, c, 1,
                             ldc, c_batch, batch, 70, 1});
}
