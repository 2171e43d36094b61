// Rows of a matrix that is in memory as its file has it: in some type of number, or in quantised blocks.
//
// The values of blocks are the same bits as on the processor: each product and each sum is rounded for itself, in the order
// of candle's `to_float`.
#include "common.cuh"

__device__ __forceinline__ float times(float left, float right) { return __fmul_rn(left, right); }
__device__ __forceinline__ float plus(float left, float right) { return __fadd_rn(left, right); }

__device__ __forceinline__ float half_at(const uint8_t *bytes) {
    // Every block has an even number of bytes, and its scales lie at even ones.
    return __half2float(*reinterpret_cast<const f16 *>(bytes));
}

// A kind of numbers has `COUNT` of them in a block of `SIZE` bytes; `at` gives number `i` of a block.
template <class T> struct Plain {
    static constexpr int COUNT = 1, SIZE = sizeof(T);
    static __device__ __forceinline__ float at(const uint8_t *block, int) { return widen(*reinterpret_cast<const T *>(block)); }
};

// Blocks of 32 numbers of 4 bits, the second half of them in the upper bits.
__device__ __forceinline__ int nibble(const uint8_t *bytes, int i) { return i < 16 ? bytes[i] & 15 : bytes[i - 16] >> 4; }

__device__ __forceinline__ int fifth_bit(const uint8_t *bytes, int i) { return (bytes[i / 8] >> (i % 8) & 1) << 4; }

struct Q4_0 {
    static constexpr int COUNT = 32, SIZE = 18;
    static __device__ __forceinline__ float at(const uint8_t *block, int i) {
        return times((float)(nibble(block + 2, i) - 8), half_at(block));
    }
};

struct Q4_1 {
    static constexpr int COUNT = 32, SIZE = 20;
    static __device__ __forceinline__ float at(const uint8_t *block, int i) {
        return plus(times((float)nibble(block + 4, i), half_at(block)), half_at(block + 2));
    }
};

struct Q5_0 {
    static constexpr int COUNT = 32, SIZE = 22;
    static __device__ __forceinline__ float at(const uint8_t *block, int i) {
        return times((float)((nibble(block + 6, i) | fifth_bit(block + 2, i)) - 16), half_at(block));
    }
};

struct Q5_1 {
    static constexpr int COUNT = 32, SIZE = 24;
    static __device__ __forceinline__ float at(const uint8_t *block, int i) {
        const float value = (float)(nibble(block + 8, i) | fifth_bit(block + 4, i));
        return plus(times(value, half_at(block)), half_at(block + 2));
    }
};

struct Q8_0 {
    static constexpr int COUNT = 32, SIZE = 34;
    static __device__ __forceinline__ float at(const uint8_t *block, int i) {
        return times((float)(int8_t)block[2 + i], half_at(block));
    }
};

struct Q2_K {
    static constexpr int COUNT = 256, SIZE = 84;
    static __device__ __forceinline__ float at(const uint8_t *block, int i) {
        const int scales = block[i / 16];
        const int value = block[16 + i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
        const float scale = times(half_at(block + 80), (float)(scales & 15));
        return plus(times(scale, (float)value), -times(half_at(block + 82), (float)(scales >> 4)));
    }
};

struct Q3_K {
    static constexpr int COUNT = 256, SIZE = 110;
    static __device__ __forceinline__ float at(const uint8_t *block, int i) {
        // Sixteen scales of six bits: four bits of each in the first eight bytes, two in the last four.
        const int index = i / 16;
        const uint8_t *bytes = block + 96;
        const int low = index < 8 ? bytes[index] & 15 : bytes[index - 8] >> 4;
        const int scale = low | (bytes[8 + index % 4] >> (index / 4 * 2) & 3) << 4;
        const int value = block[32 + i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
        const int high = block[i % 32] >> (i / 32) & 1;
        return times(times(half_at(block + 108), (float)scale - 32.0f), (float)(value - (high ? 0 : 4)));
    }
};

// The scale and the minimum of 32 numbers of a block, six bits each.
__device__ __forceinline__ int scale_of(const uint8_t *bytes, int j) {
    return j < 4 ? bytes[j] & 63 : (bytes[j + 4] & 15) | bytes[j - 4] >> 6 << 4;
}

__device__ __forceinline__ int minimum_of(const uint8_t *bytes, int j) {
    return j < 4 ? bytes[j + 4] & 63 : bytes[j + 4] >> 4 | bytes[j] >> 6 << 4;
}

struct Q4_K {
    static constexpr int COUNT = 256, SIZE = 144;
    static __device__ __forceinline__ float at(const uint8_t *block, int i) {
        const int byte = block[16 + i / 64 * 32 + i % 32];
        const int value = i % 64 < 32 ? byte & 15 : byte >> 4;
        const float scale = times(half_at(block), (float)scale_of(block + 4, i / 32));
        return plus(times(scale, (float)value), -times(half_at(block + 2), (float)minimum_of(block + 4, i / 32)));
    }
};

struct Q5_K {
    static constexpr int COUNT = 256, SIZE = 176;
    static __device__ __forceinline__ float at(const uint8_t *block, int i) {
        const int byte = block[48 + i / 64 * 32 + i % 32];
        const int value = (i % 64 < 32 ? byte & 15 : byte >> 4) + (block[16 + i % 32] >> (i / 32) & 1) * 16;
        const float scale = times(half_at(block), (float)scale_of(block + 4, i / 32));
        return plus(times(scale, (float)value), -times(half_at(block + 2), (float)minimum_of(block + 4, i / 32)));
    }
};

struct Q6_K {
    static constexpr int COUNT = 256, SIZE = 210;
    static __device__ __forceinline__ float at(const uint8_t *block, int i) {
        const int byte = block[i / 128 * 64 + i % 64];
        const int low = i % 128 < 64 ? byte & 15 : byte >> 4;
        const int high = block[128 + i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
        const float scale = times(half_at(block + 208), (float)(int8_t)block[192 + i / 16]);
        return times(scale, (float)((low | high << 4) - 32));
    }
};

// Rows from `first` on, or those of some numbers, as numbers of another type. A thread has eight columns.
template <class Kind, class T>
__device__ __forceinline__ void widen_rows(const uint8_t *matrix, const uint32_t *numbers, int64_t first, int64_t rows,
                                           int64_t columns, T *result) {
    constexpr int RUN = 8;
    const int64_t row = own_row();
    if (row >= rows) return;
    const int64_t size = columns / Kind::COUNT * Kind::SIZE;
    const uint8_t *source = matrix + (numbers != nullptr ? (int64_t)numbers[row] : first + row) * size;
    result += row * columns;
    for (int64_t unit = own_unit(); unit * RUN < columns; unit += unit_stride()) {
        const int64_t column = unit * RUN;
        const int count = columns - column < RUN ? (int)(columns - column) : RUN;
        T *target = result + column;
        if (Kind::COUNT == 1 && count == RUN && aligned(source + column * Kind::SIZE) && aligned(target)) {
            alignas(16) uint8_t bytes[Kind::SIZE * RUN];
            Pack<T> results[sizeof(T) * RUN / 16];
#pragma unroll
            for (int i = 0; i < Kind::SIZE * RUN / 16; ++i)
                reinterpret_cast<Pack<uint8_t> *>(bytes)[i] =
                    reinterpret_cast<const Pack<uint8_t> *>(source + column * Kind::SIZE)[i];
#pragma unroll
            for (int i = 0; i < RUN; ++i)
                results[i / Pack<T>::COUNT].values[i % Pack<T>::COUNT] = narrow<T>(Kind::at(bytes + i * Kind::SIZE, 0));
#pragma unroll
            for (int i = 0; i < (int)sizeof(T) * RUN / 16; ++i) reinterpret_cast<Pack<T> *>(target)[i] = results[i];
        } else {
            for (int i = 0; i < count; ++i) {
                const int64_t place = column + i;
                target[i] =
                    narrow<T>(Kind::at(source + place / Kind::COUNT * Kind::SIZE, (int)(place % Kind::COUNT)));
            }
        }
    }
}

#define DEFINE_ONE(name, Kind, suffix, T)                                                                                  \
    extern "C" __global__ void widen_##name##_##suffix(const uint8_t *matrix, const uint32_t *numbers, int64_t first,      \
                                                       int64_t rows, int64_t columns, T *result) {                         \
        widen_rows<Kind>(matrix, numbers, first, rows, columns, result);                                                   \
    }

#define DEFINE(name, Kind)                                                                                                 \
    DEFINE_ONE(name, Kind, f32, float)                                                                                     \
    DEFINE_ONE(name, Kind, bf16, bf16)                                                                                     \
    DEFINE_ONE(name, Kind, f16, f16)

DEFINE(f32, Plain<float>)
DEFINE(bf16, Plain<bf16>)
DEFINE(f16, Plain<f16>)
DEFINE(q4_0, Q4_0)
DEFINE(q4_1, Q4_1)
DEFINE(q5_0, Q5_0)
DEFINE(q5_1, Q5_1)
DEFINE(q8_0, Q8_0)
DEFINE(q2_k, Q2_K)
DEFINE(q3_k, Q3_K)
DEFINE(q4_k, Q4_K)
DEFINE(q5_k, Q5_K)
DEFINE(q6_k, Q6_K)

// A matrix (rows, columns) with rows and columns exchanged, by blocks of 32 x 32 threads.
template <class T> __device__ __forceinline__ void transpose(const T *matrix, T *result, int64_t rows, int64_t columns) {
    __shared__ T tile[32][33];
    const int64_t first_row = (int64_t)blockIdx.x * 32, first_column = (int64_t)blockIdx.y * 32;
    const int near = threadIdx.x % 32, far = threadIdx.x / 32;
    if (first_row + far < rows && first_column + near < columns)
        tile[far][near] = matrix[(first_row + far) * columns + first_column + near];
    __syncthreads();
    if (first_column + far < columns && first_row + near < rows)
        result[(first_column + far) * rows + first_row + near] = tile[near][far];
}

extern "C" __global__ void transpose_16(const uint16_t *matrix, uint16_t *result, int64_t rows, int64_t columns) {
    transpose(matrix, result, rows, columns);
}

extern "C" __global__ void transpose_32(const uint32_t *matrix, uint32_t *result, int64_t rows, int64_t columns) {
    transpose(matrix, result, rows, columns);
}
