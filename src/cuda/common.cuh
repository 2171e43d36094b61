// What the kernels have in common: three types of numbers, packs of 16 bytes, sums over threads.
//
// Arithmetic is in single precision whatever the type of the numbers in memory, and a result is rounded once. There are
// no atomics: the value of a row is summed in an order that depends on its length alone.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <stdint.h>

typedef __nv_bfloat16 bf16;
typedef __half f16;

constexpr unsigned WARP = 0xffffffff;

__device__ __forceinline__ float widen(float value) { return value; }
__device__ __forceinline__ float widen(bf16 value) { return __bfloat162float(value); }
__device__ __forceinline__ float widen(f16 value) { return __half2float(value); }

template <class T> __device__ __forceinline__ T narrow(float value);
template <> __device__ __forceinline__ float narrow<float>(float value) { return value; }
template <> __device__ __forceinline__ bf16 narrow<bf16>(float value) { return __float2bfloat16_rn(value); }
template <> __device__ __forceinline__ f16 narrow<f16>(float value) { return __float2half_rn(value); }

// Numbers that one instruction reads or writes.
template <class T> struct alignas(16) Pack {
    static constexpr int COUNT = 16 / sizeof(T);
    T values[COUNT];
};

__device__ __forceinline__ bool aligned(const void *address) { return (uintptr_t)address % 16 == 0; }

// Where rows have few numbers, a block has several of them: a row for each of its threads in the second direction, whose
// units are shared by those in the first.
__device__ __forceinline__ int64_t own_row() { return (int64_t)blockIdx.x * blockDim.y + threadIdx.y; }
__device__ __forceinline__ int own_unit() { return blockIdx.y * blockDim.x + threadIdx.x; }
__device__ __forceinline__ int unit_stride() { return gridDim.y * blockDim.x; }

// Instances of a kernel for each type of number: DEFINE(suffix, type).
#define FOR_EACH_TYPE(DEFINE) DEFINE(f32, float) DEFINE(bf16, bf16) DEFINE(f16, f16)
