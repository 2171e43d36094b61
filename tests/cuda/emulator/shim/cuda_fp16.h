// Stands for the header of f16.
#pragma once

#include "float16.h"

using __half = emulated::Float16<emulated::Half>;
using half = __half;
EIDOS_FLOAT16(__half, __half2)
using half2 = __half2;

struct __half_raw {
    unsigned short x;
};

inline float __half2float(__half a) { return a; }
inline float __half2float(__half_raw a) { return emulated::Half::widen(a.x); }
inline __half __float2half(float a) { return a; }
inline __half __float2half_rn(float a) { return a; }
inline __half __double2half(double a) { return a; }
inline __half __int2half_rn(int a) { return a; }
inline __half __uint2half_rn(unsigned int a) { return a; }
inline __half __ushort2half_rn(unsigned short a) { return a; }
inline int __half2int_rn(__half a) { return __float2int_rn(a); }
inline int __half2int_rz(__half a) { return __float2int_rz(a); }
inline unsigned short __half_as_ushort(__half a) { return a.__x; }
inline short __half_as_short(__half a) { return static_cast<short>(a.__x); }
inline __half __ushort_as_half(unsigned short a) { return __half::of(a); }
inline __half __short_as_half(short a) { return __half::of(static_cast<unsigned short>(a)); }
inline __half2 __floats2half2_rn(float a, float b) { return {a, b}; }
inline __half2 __float2half2_rn(float a) { return {a, a}; }
inline __half2 __float22half2_rn(float2 a) { return {a.x, a.y}; }
inline float2 __half22float2(__half2 a) { return {a.x, a.y}; }
inline __half2 __halves2half2(__half a, __half b) { return {a, b}; }
inline __half2 __half2half2(__half a) { return {a, a}; }
inline __half2 make_half2(__half a, __half b) { return {a, b}; }
inline __half __low2half(__half2 a) { return a.x; }
inline __half __high2half(__half2 a) { return a.y; }
