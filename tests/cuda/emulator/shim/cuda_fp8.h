// Stands for the header of the 8-bit types, of which candle's kernels name e4m3: rounded to nearest, saturating.
#pragma once

#include "cuda_fp16.h"

enum __nv_fp8_interpretation_t { __NV_E4M3, __NV_E5M2 };
using __nv_fp8_storage_t = unsigned char;

struct __nv_fp8_e4m3 {
    __nv_fp8_storage_t __x;

    __nv_fp8_e4m3() = default;
    template <typename T, typename = std::enable_if_t<std::is_arithmetic_v<T>>>
    explicit __nv_fp8_e4m3(T value) : __x(narrow(static_cast<float>(value))) {}

    static unsigned char narrow(float x) {
        if (x != x) {
            return 0x7f;
        }
        unsigned char sign = std::signbit(x) ? 0x80 : 0;
        float size = std::fabs(x);
        if (size >= 448.0f) {
            return static_cast<unsigned char>(sign | 0x7e);
        }
        int exponent = size < 0x1p-6f ? -6 : std::ilogb(size);
        // The significand in units of the last of three digits; 16 where it rounds up to the next exponent.
        int units = static_cast<int>(std::nearbyint(std::ldexp(size, 3 - exponent)));
        int biased = exponent + 7;
        return static_cast<unsigned char>(sign | (units < 8 ? units : ((biased << 3) + units - 8)));
    }
};

inline __half_raw __nv_cvt_fp8_to_halfraw(__nv_fp8_storage_t x, __nv_fp8_interpretation_t) {
    int exponent = x >> 3 & 15, digits = x & 7;
    float size = exponent == 0 ? std::ldexp(static_cast<float>(digits), -9) : std::ldexp(static_cast<float>(8 + digits), exponent - 10);
    if ((x & 0x7f) == 0x7f) {
        return {0x7fff};
    }
    return {__half((x & 0x80) != 0 ? -size : size).__x};
}
