// Norms of rows, and of groups of columns within rows.
#include "common.cuh"

// The sum over a team of threads, which every thread of it gets.
template <int TEAM> __device__ __forceinline__ float team_sum(float value) {
    for (int distance = 16; distance > 0; distance /= 2) value += __shfl_xor_sync(WARP, value, distance);
    if (TEAM > 32) {
        __shared__ float parts[TEAM / 32];
        __syncthreads();
        if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = value;
        __syncthreads();
        value = 0.0f;
        for (int i = 0; i < TEAM / 32; ++i) value += parts[i];
    }
    return value;
}

// The sum of `term` of each value of a row.
template <class T, int TEAM, class F>
__device__ __forceinline__ float row_sum(const T *row, int width, bool packed, F term) {
    constexpr int SIZE = Pack<T>::COUNT;
    const int member = threadIdx.x % TEAM;
    float sum = 0.0f;
    if (packed) {
        for (int first = member * SIZE; first < width; first += TEAM * SIZE) {
            const Pack<T> pack = *reinterpret_cast<const Pack<T> *>(row + first);
#pragma unroll
            for (int i = 0; i < SIZE; ++i) sum += term(widen(pack.values[i]));
        }
    } else {
        for (int i = member; i < width; i += TEAM) sum += term(widen(row[i]));
    }
    return team_sum<TEAM>(sum);
}

// How many packs of a group each thread of a team can hold: those of 1024 values by a warp, and of 4096 by a block.
template <class T, int TEAM> struct Held {
    static constexpr int PACKS = (TEAM > 32 ? 4096 : 1024) / (TEAM * Pack<T>::COUNT);
};

// The sum of `term` of each value that a team holds, in the order of `row_sum`.
template <class T, int TEAM, class F> __device__ __forceinline__ float held_sum(const Pack<T> *held, int width, F term) {
    constexpr int SIZE = Pack<T>::COUNT;
    float sum = 0.0f;
#pragma unroll
    for (int k = 0; k < Held<T, TEAM>::PACKS; ++k) {
        if ((k * TEAM + (int)(threadIdx.x % TEAM)) * SIZE < width) {
#pragma unroll
            for (int i = 0; i < SIZE; ++i) sum += term(widen(held[k].values[i]));
        }
    }
    return team_sum<TEAM>(sum);
}

// The norm of a group that fits into the registers of its team: it is read once, with all reads on their way at the same
// time. Weight and bias lie on multiples of 16 bytes.
template <class T, int TEAM>
__device__ __forceinline__ void norm_held(const T *row, const float *weight, const float *bias, T *result, int width,
                                          float epsilon) {
    constexpr int SIZE = Pack<T>::COUNT, PACKS = Held<T, TEAM>::PACKS;
    const int member = threadIdx.x % TEAM;
    Pack<T> held[PACKS];
#pragma unroll
    for (int k = 0; k < PACKS; ++k) {
        const int first = (k * TEAM + member) * SIZE;
        if (first < width) held[k] = *reinterpret_cast<const Pack<T> *>(row + first);
    }
    float mean = 0.0f;
    if (bias != nullptr) mean = held_sum<T, TEAM>(held, width, [](float x) { return x; }) / width;
    const float variance = held_sum<T, TEAM>(held, width, [=](float x) { return (x - mean) * (x - mean); }) / width;
    const float scale = 1.0f / sqrtf(variance + epsilon);
#pragma unroll
    for (int k = 0; k < PACKS; ++k) {
        const int first = (k * TEAM + member) * SIZE;
        if (first >= width) continue;
#pragma unroll
        for (int part = 0; part < SIZE; part += 4) {
            const Pack<float> factors = *reinterpret_cast<const Pack<float> *>(weight + first + part);
            Pack<float> offsets = {};
            if (bias != nullptr) offsets = *reinterpret_cast<const Pack<float> *>(bias + first + part);
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                const float normed = (widen(held[k].values[part + i]) - mean) * scale * factors.values[i] + offsets.values[i];
                held[k].values[part + i] = narrow<T>(normed);
            }
        }
        *reinterpret_cast<Pack<T> *>(result + first) = held[k];
    }
}

// With a bias a layer norm, whose variance is the mean of squared deviations, in a second pass; without one a
// root-mean-square norm. A team of threads has one group.
template <class T, int TEAM>
__device__ __forceinline__ void norm(const T *rows, const float *weight, const float *bias, T *result, int64_t groups,
                                     int width, float epsilon) {
    constexpr int SIZE = Pack<T>::COUNT;
    const int64_t group = (int64_t)blockIdx.x * (blockDim.x / TEAM) + threadIdx.x / TEAM;
    if (group >= groups) return;
    const int member = threadIdx.x % TEAM;
    const bool packed = width % SIZE == 0 && aligned(rows) && aligned(result);
    rows += group * width;
    result += group * width;
    if (packed && width <= TEAM * SIZE * Held<T, TEAM>::PACKS && aligned(weight) && aligned(bias)) {
        norm_held<T, TEAM>(rows, weight, bias, result, width, epsilon);
        return;
    }
    float mean = 0.0f;
    if (bias != nullptr) mean = row_sum<T, TEAM>(rows, width, packed, [](float x) { return x; }) / width;
    const float variance =
        row_sum<T, TEAM>(rows, width, packed, [=](float x) { return (x - mean) * (x - mean); }) / width;
    const float scale = 1.0f / sqrtf(variance + epsilon);
    const auto normed = [=](float x, int column) {
        return (x - mean) * scale * weight[column] + (bias != nullptr ? bias[column] : 0.0f);
    };
    if (packed) {
        for (int first = member * SIZE; first < width; first += TEAM * SIZE) {
            Pack<T> pack = *reinterpret_cast<const Pack<T> *>(rows + first);
#pragma unroll
            for (int i = 0; i < SIZE; ++i) pack.values[i] = narrow<T>(normed(widen(pack.values[i]), first + i));
            *reinterpret_cast<Pack<T> *>(result + first) = pack;
        }
    } else {
        for (int i = member; i < width; i += TEAM) result[i] = narrow<T>(normed(widen(rows[i]), i));
    }
}

#define DEFINE(suffix, T)                                                                                                  \
    /* For narrow groups: a warp has one, a block of 256 threads eight. */                                                \
    extern "C" __global__ void norm_warp_##suffix(const T *rows, const float *weight, const float *bias, T *result,        \
                                                  int64_t groups, int width, float epsilon) {                              \
        norm<T, 32>(rows, weight, bias, result, groups, width, epsilon);                                                   \
    }                                                                                                                      \
    /* For wide ones: a block of 256 threads has one. */                                                                  \
    extern "C" __global__ void norm_block_##suffix(const T *rows, const float *weight, const float *bias, T *result,       \
                                                   int64_t groups, int width, float epsilon) {                             \
        norm<T, 256>(rows, weight, bias, result, groups, width, epsilon);                                                  \
    }

FOR_EACH_TYPE(DEFINE)
