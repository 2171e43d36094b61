// Functions of single values and of pairs of them, and columns side by side.
#include "common.cuh"

// The order of the library's list.
enum Function { GELU, GELU_TANH, GELU_QUICK, SILU, RELU, TANH, LOGISTIC };

__device__ __forceinline__ float activation(float x, int function) {
    switch (function) {
    // Written so that nothing cancels where x is far below 0.
    case GELU: return 0.5f * x * erfcf(-0.70710678118654752f * x);
    case GELU_TANH: return x / (1.0f + expf(-2.0f * 0.79788456080286536f * (x + 0.044715f * x * x * x)));
    case GELU_QUICK: return x / (1.0f + expf(-1.702f * x));
    case SILU: return x / (1.0f + expf(-x));
    case RELU: return fmaxf(x, 0.0f);
    case LOGISTIC: return 1.0f / (1.0f + expf(-x));
    default: return tanhf(x);
    }
}

// Each thread has one pack of the values; where they do not lie on multiples of 16 bytes, and for what is left, one value
// at a time.
template <class T, class F> __device__ __forceinline__ void map(const T *values, T *result, int64_t count, F function) {
    constexpr int SIZE = Pack<T>::COUNT;
    const int64_t index = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    const int64_t packs = aligned(values) && aligned(result) ? count / SIZE : 0;
    if (index < packs) {
        Pack<T> pack = reinterpret_cast<const Pack<T> *>(values)[index];
#pragma unroll
        for (int i = 0; i < SIZE; ++i) pack.values[i] = narrow<T>(function(widen(pack.values[i])));
        reinterpret_cast<Pack<T> *>(result)[index] = pack;
    }
    for (int64_t i = packs * SIZE + index; i < count; i += (int64_t)gridDim.x * blockDim.x)
        result[i] = narrow<T>(function(widen(values[i])));
}

template <class T, class F>
__device__ __forceinline__ void map_pairs(const T *left, const T *right, T *result, int64_t count, F function) {
    constexpr int SIZE = Pack<T>::COUNT;
    const int64_t index = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    const int64_t packs = aligned(left) && aligned(right) && aligned(result) ? count / SIZE : 0;
    if (index < packs) {
        Pack<T> pack = reinterpret_cast<const Pack<T> *>(left)[index];
        const Pack<T> other = reinterpret_cast<const Pack<T> *>(right)[index];
#pragma unroll
        for (int i = 0; i < SIZE; ++i)
            pack.values[i] = narrow<T>(function(widen(pack.values[i]), widen(other.values[i])));
        reinterpret_cast<Pack<T> *>(result)[index] = pack;
    }
    for (int64_t i = packs * SIZE + index; i < count; i += (int64_t)gridDim.x * blockDim.x)
        result[i] = narrow<T>(function(widen(left[i]), widen(right[i])));
}

// Columns first, first + 1, ... first + length of each of `count` places that are `stride` apart, side by side.
template <class T>
__device__ __forceinline__ void columns(const T *rows, T *result, int64_t row_count, int columns, int first, int stride,
                                        int length, int count, int result_columns, int result_first) {
    constexpr int SIZE = Pack<T>::COUNT;
    const int64_t row = own_row();
    if (row >= row_count) return;
    const bool packed = aligned(rows) && aligned(result) && columns % SIZE == 0 && first % SIZE == 0 &&
                        stride % SIZE == 0 && length % SIZE == 0 && result_columns % SIZE == 0 &&
                        result_first % SIZE == 0;
    const int run = packed ? SIZE : 1;
    for (int unit = own_unit(); unit < length * count / run; unit += unit_stride()) {
        const int column = unit * run;
        const T *from = rows + row * columns + first + column / length * stride + column % length;
        T *to = result + row * result_columns + result_first + column;
        if (packed)
            *reinterpret_cast<Pack<T> *>(to) = *reinterpret_cast<const Pack<T> *>(from);
        else
            *to = *from;
    }
}

#define DEFINE(suffix, T)                                                                                                  \
    extern "C" __global__ void activation_##suffix(const T *values, T *result, int64_t count, int function) {              \
        map(values, result, count, [=](float x) { return activation(x, function); });                                      \
    }                                                                                                                      \
    /* The function's value is rounded before the product, so that both steps have the bits of one after the other. */    \
    extern "C" __global__ void gate_##suffix(const T *gate, const T *up, T *result, int64_t count, int function) {         \
        map_pairs(gate, up, result, count,                                                                                 \
                  [=](float gate, float up) { return __fmul_rn(widen(narrow<T>(activation(gate, function))), up); });      \
    }                                                                                                                      \
    extern "C" __global__ void soft_cap_##suffix(const T *values, T *result, int64_t count, float cap) {                   \
        map(values, result, count, [=](float x) { return tanhf(x / cap) * cap; });                                         \
    }                                                                                                                      \
    extern "C" __global__ void scale_##suffix(const T *values, T *result, int64_t count, float factor) {                   \
        map(values, result, count, [=](float x) { return x * factor; });                                                   \
    }                                                                                                                      \
    extern "C" __global__ void add_##suffix(const T *left, const T *right, T *result, int64_t count) {                     \
        map_pairs(left, right, result, count, [](float left, float right) { return left + right; });                       \
    }                                                                                                                      \
    extern "C" __global__ void multiply_##suffix(const T *left, const T *right, T *result, int64_t count) {                \
        map_pairs(left, right, result, count, [](float left, float right) { return left * right; });                       \
    }                                                                                                                      \
    extern "C" __global__ void columns_##suffix(const T *rows, T *result, int64_t row_count, int column_count, int first,  \
                                                int stride, int length, int count, int result_columns,                     \
                                                int result_first) {                                                        \
        columns(rows, result, row_count, column_count, first, stride, length, count, result_columns, result_first);        \
    }

FOR_EACH_TYPE(DEFINE)
