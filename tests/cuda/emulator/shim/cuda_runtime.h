// Stands for what nvcc includes on its own: the language of kernels and its built-in functions.
// build.sh puts this before every `.cu` file.
#pragma once

#include <algorithm>
#include <cassert>
#include <cfloat>
#include <climits>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <math.h>
#include <stdint.h>

#include "emulated.h"

// For what the compiler of C++ cannot read: instructions of PTX.
#define EIDOS_EMULATED 1
#define __CUDACC__ 1
#define __NVCC__ 1
#define __CUDACC_VER_MAJOR__ 13
#define __CUDACC_VER_MINOR__ 0
#define __CUDA_ARCH__ 800
#define CUDA_VERSION 13000

// build.sh finds the first three in the preprocessed text; see there.
#define __global__ EIDOS_KERNEL
#define __shared__ EIDOS_SHARED
#define __align__(n) EIDOS_ALIGN(n)
#define __device__
#define __host__
#define __constant__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __grid_constant__

#undef assert
#define assert(condition)                                                                                                         \
    ((condition) ? void(0) : ::emulated::fail(::emulated::failed_assertion, "%s:%d: assertion `%s` failed", __FILE__, __LINE__, #condition))

// Vectors.
#define EIDOS_VECTOR(type, name, alignment2, alignment4)                                                                          \
    struct name##1 { type x; };                                                                                                   \
    struct alignas(alignment2) name##2 { type x, y; };                                                                            \
    struct name##3 { type x, y, z; };                                                                                             \
    struct alignas(alignment4) name##4 { type x, y, z, w; };                                                                      \
    inline name##1 make_##name##1(type x) { return {x}; }                                                                         \
    inline name##2 make_##name##2(type x, type y) { return {x, y}; }                                                              \
    inline name##3 make_##name##3(type x, type y, type z) { return {x, y, z}; }                                                   \
    inline name##4 make_##name##4(type x, type y, type z, type w) { return {x, y, z, w}; }
EIDOS_VECTOR(signed char, char, 2, 4)
EIDOS_VECTOR(unsigned char, uchar, 2, 4)
EIDOS_VECTOR(short, short, 4, 8)
EIDOS_VECTOR(unsigned short, ushort, 4, 8)
EIDOS_VECTOR(int, int, 8, 16)
EIDOS_VECTOR(long long, longlong, 16, 16)
EIDOS_VECTOR(unsigned long long, ulonglong, 16, 16)
EIDOS_VECTOR(float, float, 8, 16)
EIDOS_VECTOR(double, double, 16, 16)
struct uint1 { unsigned int x; };
struct alignas(8) uint2 { unsigned int x, y; };
struct alignas(16) uint4 { unsigned int x, y, z, w; };
inline uint1 make_uint1(unsigned int x) { return {x}; }
inline uint2 make_uint2(unsigned int x, unsigned int y) { return {x, y}; }
inline uint3 make_uint3(unsigned int x, unsigned int y, unsigned int z) { return {x, y, z}; }
inline uint4 make_uint4(unsigned int x, unsigned int y, unsigned int z, unsigned int w) { return {x, y, z, w}; }

// Barriers and fences.
inline void __syncthreads(int line = __builtin_LINE()) { emulated::barrier(line); }
inline void __threadfence() {}
inline void __threadfence_block() {}
[[noreturn]] inline void __trap() { emulated::fail(emulated::launch_failed, "__trap()"); }

// Warps.
namespace emulated {
struct Vote {
    bool holds;
    unsigned int ballot;
    unsigned int lanes;
};
inline void count_votes(void *const *items, unsigned int lanes) {
    unsigned int ballot = 0;
    for (unsigned int i = 0; i < 32; ++i) {
        if ((lanes >> i & 1) != 0 && static_cast<Vote *>(items[i])->holds) {
            ballot |= 1u << i;
        }
    }
    for (unsigned int i = 0; i < 32; ++i) {
        if ((lanes >> i & 1) != 0) {
            static_cast<Vote *>(items[i])->ballot = ballot;
            static_cast<Vote *>(items[i])->lanes = lanes;
        }
    }
}
inline Vote vote(const char *name, int line, unsigned int mask, bool holds) {
    Vote mine{holds, 0, 0};
    meet(name, line, mask, &mine, count_votes);
    return mine;
}
template <typename T> T shuffle(const char *name, int line, unsigned int mask, T value, int source, int width) {
    static_assert(sizeof(T) <= 8 && std::is_trivially_copyable_v<T>, "shuffles move up to eight bytes");
    if (width < 1 || width > 32 || (width & (width - 1)) != 0) {
        fail(launch_failed, "%s in line %d: the width is %d, not a power of two up to 32", name, line, width);
    }
    T result;
    exchange(name, line, mask, &value, sizeof(T), source, &result);
    return result;
}
} // namespace emulated

template <typename T> T __shfl_sync(unsigned int mask, T value, int source, int width = 32, int line = __builtin_LINE()) {
    int first = static_cast<int>(emulated::lane()) & ~(width - 1);
    return emulated::shuffle("__shfl_sync", line, mask, value, first + (source & (width - 1)), width);
}
template <typename T> T __shfl_xor_sync(unsigned int mask, T value, int bits, int width = 32, int line = __builtin_LINE()) {
    int own = static_cast<int>(emulated::lane());
    int other = own ^ bits;
    return emulated::shuffle("__shfl_xor_sync", line, mask, value, other / width > own / width ? own : other, width);
}
template <typename T> T __shfl_up_sync(unsigned int mask, T value, unsigned int delta, int width = 32, int line = __builtin_LINE()) {
    int own = static_cast<int>(emulated::lane());
    bool inside = static_cast<int>(delta) <= (own & (width - 1));
    return emulated::shuffle("__shfl_up_sync", line, mask, value, inside ? own - static_cast<int>(delta) : own, width);
}
template <typename T> T __shfl_down_sync(unsigned int mask, T value, unsigned int delta, int width = 32, int line = __builtin_LINE()) {
    int own = static_cast<int>(emulated::lane());
    bool inside = (own & (width - 1)) + static_cast<int>(delta) < width;
    return emulated::shuffle("__shfl_down_sync", line, mask, value, inside ? own + static_cast<int>(delta) : own, width);
}
inline unsigned int __ballot_sync(unsigned int mask, int holds, int line = __builtin_LINE()) {
    return emulated::vote("__ballot_sync", line, mask, holds != 0).ballot;
}
inline int __any_sync(unsigned int mask, int holds, int line = __builtin_LINE()) {
    return emulated::vote("__any_sync", line, mask, holds != 0).ballot != 0;
}
inline int __all_sync(unsigned int mask, int holds, int line = __builtin_LINE()) {
    emulated::Vote all = emulated::vote("__all_sync", line, mask, holds != 0);
    return all.ballot == all.lanes;
}
inline void __syncwarp(unsigned int mask = 0xffffffffu, int line = __builtin_LINE()) {
    emulated::vote("__syncwarp", line, mask, false);
}

// Atomic operations: one thread runs at a time.
#define EIDOS_ATOMIC(name, expression)                                                                                            \
    template <typename T, typename V> T name(T *address, V given) {                                                               \
        T old = *address, value = static_cast<T>(given);                                                                          \
        *address = expression;                                                                                                    \
        return old;                                                                                                               \
    }
EIDOS_ATOMIC(atomicAdd, static_cast<T>(old + value))
EIDOS_ATOMIC(atomicSub, static_cast<T>(old - value))
EIDOS_ATOMIC(atomicExch, value)
EIDOS_ATOMIC(atomicMin, value < old ? value : old)
EIDOS_ATOMIC(atomicMax, old < value ? value : old)
EIDOS_ATOMIC(atomicAnd, static_cast<T>(old & value))
EIDOS_ATOMIC(atomicOr, static_cast<T>(old | value))
EIDOS_ATOMIC(atomicXor, static_cast<T>(old ^ value))
template <typename T> T atomicCAS(T *address, T compare, T value) {
    T old = *address;
    if (old == compare) {
        *address = value;
    }
    return old;
}

// Minimum and maximum, of floats as IEEE 754 has it: of a NaN and a number, the number.
template <typename A, typename B, typename = std::enable_if_t<std::is_arithmetic_v<A> && std::is_arithmetic_v<B>>>
inline auto min(A a, B b) -> std::common_type_t<A, B> {
    using T = std::common_type_t<A, B>;
    if constexpr (std::is_floating_point_v<T>) {
        return std::fmin(static_cast<T>(a), static_cast<T>(b));
    } else {
        return static_cast<T>(b) < static_cast<T>(a) ? static_cast<T>(b) : static_cast<T>(a);
    }
}
template <typename A, typename B, typename = std::enable_if_t<std::is_arithmetic_v<A> && std::is_arithmetic_v<B>>>
inline auto max(A a, B b) -> std::common_type_t<A, B> {
    using T = std::common_type_t<A, B>;
    if constexpr (std::is_floating_point_v<T>) {
        return std::fmax(static_cast<T>(a), static_cast<T>(b));
    } else {
        return static_cast<T>(a) < static_cast<T>(b) ? static_cast<T>(b) : static_cast<T>(a);
    }
}

// Mathematics.
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline double rsqrt(double x) { return 1.0 / std::sqrt(x); }
inline float rsqrt(float x) { return rsqrtf(x); }
inline float normcdff(float x) { return static_cast<float>(0.5 * std::erfc(-static_cast<double>(x) * M_SQRT1_2)); }
inline double normcdf(double x) { return 0.5 * std::erfc(-x * M_SQRT1_2); }
inline float __saturatef(float x) { return x > 0.0f ? (x < 1.0f ? x : 1.0f) : 0.0f; }

namespace emulated {
// Keeps a result from being contracted into a fused multiply-add, as the functions that name a rounding promise.
inline float rounded(float x) {
    __asm__("" : "+x"(x));
    return x;
}
inline double rounded(double x) {
    __asm__("" : "+x"(x));
    return x;
}
} // namespace emulated
inline float __fadd_rn(float a, float b) { return emulated::rounded(a + b); }
inline float __fsub_rn(float a, float b) { return emulated::rounded(a - b); }
inline float __fmul_rn(float a, float b) { return emulated::rounded(a * b); }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __frcp_rn(float a) { return 1.0f / a; }
inline float __fsqrt_rn(float a) { return std::sqrt(a); }
inline float __frsqrt_rn(float a) { return static_cast<float>(1.0 / std::sqrt(static_cast<double>(a))); }
inline float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
inline double __dadd_rn(double a, double b) { return emulated::rounded(a + b); }
inline double __dmul_rn(double a, double b) { return emulated::rounded(a * b); }
inline double __fma_rn(double a, double b, double c) { return std::fma(a, b, c); }
inline float __fdividef(float a, float b) { return a / b; }

// The fast functions: what they are on a device within two units in the last place or so is here the exact one.
#define __expf(x) ::std::exp(static_cast<float>(x))
#define __exp10f(x) ::std::pow(10.0f, static_cast<float>(x))
#define __logf(x) ::std::log(static_cast<float>(x))
#define __log2f(x) ::std::log2(static_cast<float>(x))
#define __log10f(x) ::std::log10(static_cast<float>(x))
#define __sinf(x) ::std::sin(static_cast<float>(x))
#define __cosf(x) ::std::cos(static_cast<float>(x))
#define __tanf(x) ::std::tan(static_cast<float>(x))
#define __powf(x, y) ::std::pow(static_cast<float>(x), static_cast<float>(y))

// Bits.
namespace emulated {
template <typename To, typename From> inline To bits(From from) {
    static_assert(sizeof(To) == sizeof(From));
    To to;
    std::memcpy(&to, &from, sizeof(To));
    return to;
}
// Conversion to an integer as the device does it: saturating, NaN to zero.
template <typename To, typename From> inline To saturated(From from) {
    if (!(from == from)) {
        return 0;
    }
    if (from <= static_cast<From>(std::numeric_limits<To>::min())) {
        return std::numeric_limits<To>::min();
    }
    if (from >= static_cast<From>(std::numeric_limits<To>::max())) {
        return std::numeric_limits<To>::max();
    }
    return static_cast<To>(from);
}
} // namespace emulated
inline int __float_as_int(float x) { return emulated::bits<int>(x); }
inline unsigned int __float_as_uint(float x) { return emulated::bits<unsigned int>(x); }
inline float __int_as_float(int x) { return emulated::bits<float>(x); }
inline float __uint_as_float(unsigned int x) { return emulated::bits<float>(x); }
inline long long __double_as_longlong(double x) { return emulated::bits<long long>(x); }
inline double __longlong_as_double(long long x) { return emulated::bits<double>(x); }
inline int __popc(unsigned int x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz(static_cast<unsigned int>(x)); }
inline int __clzll(long long x) { return x == 0 ? 64 : __builtin_clzll(static_cast<unsigned long long>(x)); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline unsigned int __umulhi(unsigned int a, unsigned int b) {
    return static_cast<unsigned int>((static_cast<unsigned long long>(a) * b) >> 32);
}
inline float __int2float_rn(int x) { return static_cast<float>(x); }
inline float __uint2float_rn(unsigned int x) { return static_cast<float>(x); }
inline int __float2int_rn(float x) { return emulated::saturated<int>(std::nearbyint(x)); }
inline int __float2int_rz(float x) { return emulated::saturated<int>(std::trunc(x)); }
inline int __float2int_rd(float x) { return emulated::saturated<int>(std::floor(x)); }
inline int __float2int_ru(float x) { return emulated::saturated<int>(std::ceil(x)); }
inline unsigned int __float2uint_rn(float x) { return emulated::saturated<unsigned int>(std::nearbyint(x)); }
inline unsigned int __float2uint_rz(float x) { return emulated::saturated<unsigned int>(std::trunc(x)); }

// Loads and stores with a hint.
template <typename T> inline T __ldg(const T *address) { return *address; }
template <typename T> inline T __ldcs(const T *address) { return *address; }
template <typename T> inline T __ldcg(const T *address) { return *address; }
template <typename T> inline T __ldca(const T *address) { return *address; }
template <typename T> inline void __stcs(T *address, T value) { *address = value; }
template <typename T> inline void __stcg(T *address, T value) { *address = value; }

#include "cuda_fp16.h"
#include "cuda_bf16.h"
#include "cuda_fp8.h"
#include "tensor_cores.h"
#include "cuda/std/limits"
