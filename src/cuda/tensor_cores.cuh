// What tensor cores and what feeds them can do, as functions: products of fragments that the lanes of a warp hold together,
// and copies that run beside what a thread computes. Which elements a lane holds is what PTX says of `mma.m16n8k16`; below,
// `line` is lane / 4 and `pair` is lane % 4.
#pragma once
#include "common.cuh"

#ifdef EIDOS_EMULATED
using emulated::copy_beside;
using emulated::load_matrices;
using emulated::load_transposed_matrices;
using emulated::multiply_add;
using emulated::wait_for_copies;
#else
__device__ __forceinline__ uint32_t shared_address(const void *pointer) {
    return (uint32_t)__cvta_generic_to_shared(pointer);
}

// Adds the product of 16 rows of 16 columns and 16 rows of 8 columns to 16 rows of 8.
//
// A lane holds of `left` the columns 2 pair and 2 pair + 1 of the rows line and line + 8, and then the same of the columns 8
// further; of the right factor, of column `line`, the rows 2 pair and 2 pair + 1 in `upper` and those 8 further in `lower`;
// of `sum` the columns 2 pair and 2 pair + 1 of row line, and then those of row line + 8.
template <class T>
__device__ __forceinline__ void multiply_add(float (&sum)[4], const uint32_t (&left)[4], uint32_t upper, uint32_t lower);

#define EIDOS_MULTIPLY_ADD(T, name)                                                                                        \
    template <>                                                                                                            \
    __device__ __forceinline__ void multiply_add<T>(float (&sum)[4], const uint32_t (&left)[4], uint32_t upper,            \
                                                    uint32_t lower) {                                                      \
        asm volatile("mma.sync.aligned.m16n8k16.row.col.f32." name "." name                                                \
                     ".f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"                                \
                     : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])                                              \
                     : "r"(left[0]), "r"(left[1]), "r"(left[2]), "r"(left[3]), "r"(upper), "r"(lower));                    \
    }
EIDOS_MULTIPLY_ADD(bf16, "bf16")
EIDOS_MULTIPLY_ADD(f16, "f16")

// Reads four matrices of 8 rows of 8 numbers from shared memory. Lane 8 m + i says where row i of matrix m begins, a multiple
// of 16 bytes. Of each matrix a lane gets the columns 2 pair and 2 pair + 1 of row `line`.
__device__ __forceinline__ void load_matrices(uint32_t (&parts)[4], const void *row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(parts[0]), "=r"(parts[1]), "=r"(parts[2]), "=r"(parts[3])
                 : "r"(shared_address(row))
                 : "memory");
}

// The same, but that a lane gets the rows 2 pair and 2 pair + 1 of column `line`.
__device__ __forceinline__ void load_transposed_matrices(uint32_t (&parts)[4], const void *row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(parts[0]), "=r"(parts[1]), "=r"(parts[2]), "=r"(parts[3])
                 : "r"(shared_address(row))
                 : "memory");
}

// Begins to copy 16 bytes from global to shared memory, or to fill them with 0 where they are not `wanted`. The thread sees
// them once it has waited, and the others of its block after a barrier.
__device__ __forceinline__ void copy_beside(void *to, const void *from, bool wanted) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)),
                 "l"(__cvta_generic_to_global(from)), "r"(wanted ? 16 : 0)
                 : "memory");
}

// Waits for all copies that the thread has begun.
__device__ __forceinline__ void wait_for_copies() { asm volatile("cp.async.wait_all;" ::: "memory"); }
#endif

// 2 to the power of a number, but for the last two digits or so; 0 where that is less than 2^-126.
__device__ __forceinline__ float power_of_two(float exponent) {
#ifdef EIDOS_EMULATED
    return exp2f(exponent);
#else
    float power;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(exponent));
    return power;
#endif
}

// Two numbers side by side, the first in the lower half, and one of them.
template <class T> __device__ __forceinline__ uint32_t narrow_pair(float first, float second);
template <> __device__ __forceinline__ uint32_t narrow_pair<bf16>(float first, float second) {
    const __nv_bfloat162 pair = __floats2bfloat162_rn(first, second);
    return (uint32_t)__bfloat16_as_ushort(pair.y) << 16 | __bfloat16_as_ushort(pair.x);
}
template <> __device__ __forceinline__ uint32_t narrow_pair<f16>(float first, float second) {
    const __half2 pair = __floats2half2_rn(first, second);
    return (uint32_t)__half_as_ushort(pair.y) << 16 | __half_as_ushort(pair.x);
}

template <class T> __device__ __forceinline__ T one_of(uint32_t pair, int place);
template <> __device__ __forceinline__ bf16 one_of<bf16>(uint32_t pair, int place) {
    return __ushort_as_bfloat16((unsigned short)(pair >> 16 * place));
}
template <> __device__ __forceinline__ f16 one_of<f16>(uint32_t pair, int place) {
    return __ushort_as_half((unsigned short)(pair >> 16 * place));
}
