// The two 16-bit floating-point types of a device, with its rounding: to nearest, ties to even, once.
// Sums, products, quotients and roots are computed in f32, which has more than twice their digits, so that rounding twice is
// rounding once; fused operations are computed in f64 and rounded to odd before they are rounded to 16 bits.
#pragma once



namespace emulated {

// The value nearest to `x`, or where it is not representable the neighbour with an odd last digit: rounding that again to fewer
// digits gives what rounding once would have.
inline float to_odd(double x) {
    float near = static_cast<float>(x);
    if (static_cast<double>(near) != x && x == x && !std::isinf(near)) {
        std::uint32_t digits = bits<std::uint32_t>(near);
        if ((digits & 1u) == 0) {
            bool further = std::fabs(static_cast<double>(near)) < std::fabs(x);
            near = bits<float>(further ? digits + 1 : digits - 1);
        }
    }
    if (std::isinf(near) && !std::isinf(x)) {
        near = std::copysign(std::numeric_limits<float>::max(), near);
    }
    return near;
}

// a * b + c, where a * b is exact, rounded to odd in f64.
inline double fused(double a, double b, double c) {
    double product = a * b;
    double sum = rounded(product + c);
    if (std::isinf(sum) || sum != sum) {
        return sum;
    }
    double part = rounded(sum - product);
    double error = rounded(product - rounded(sum - part)) + rounded(c - part);
    std::uint64_t digits = bits<std::uint64_t>(sum);
    if (error != 0.0 && (digits & 1u) == 0) {
        bool further = (error > 0.0) == (sum > 0.0);
        return bits<double>(further ? digits + 1 : digits - 1);
    }
    return sum;
}

struct Half {
    static float widen(std::uint16_t x) {
        std::uint32_t sign = static_cast<std::uint32_t>(x & 0x8000u) << 16;
        std::uint32_t exponent = x >> 10 & 31u, digits = x & 1023u;
        if (exponent == 31) {
            return bits<float>(sign | 0x7f800000u | digits << 13);
        }
        if (exponent == 0) {
            float small = static_cast<float>(digits) * 0x1p-24f;
            return sign != 0 ? -small : small;
        }
        return bits<float>(sign | (exponent + 112) << 23 | digits << 13);
    }
    static std::uint16_t narrow(float x) {
        std::uint32_t all = bits<std::uint32_t>(x);
        std::uint16_t sign = static_cast<std::uint16_t>(all >> 16 & 0x8000u);
        std::uint32_t size = all & 0x7fffffffu;
        if (size > 0x7f800000u) {
            return 0x7fff;
        }
        if (size >= 0x477ff000u) {
            return static_cast<std::uint16_t>(sign | 0x7c00u);
        }
        if (size < 0x38800000u) {
            // Subnormal: the addition rounds at the right digit.
            float shifted = bits<float>(size) + 0.5f;
            return static_cast<std::uint16_t>(sign | (bits<std::uint32_t>(shifted) - 0x3f000000u));
        }
        std::uint32_t odd = size >> 13 & 1u;
        return static_cast<std::uint16_t>(sign | ((size - 0x38000000u + 0xfffu + odd) >> 13));
    }
};

struct Bfloat {
    static float widen(std::uint16_t x) { return bits<float>(static_cast<std::uint32_t>(x) << 16); }
    static std::uint16_t narrow(float x) {
        std::uint32_t all = bits<std::uint32_t>(x);
        if ((all & 0x7fffffffu) > 0x7f800000u) {
            return 0x7fff;
        }
        return static_cast<std::uint16_t>((all + 0x7fffu + (all >> 16 & 1u)) >> 16);
    }
};

template <typename Format> struct Float16 {
    std::uint16_t __x;

    Float16() = default;
    Float16(float x) : __x(Format::narrow(x)) {}
    Float16(double x) : __x(Format::narrow(to_odd(x))) {}
    template <typename I, typename = std::enable_if_t<std::is_integral_v<I>>>
    Float16(I x) : __x(Format::narrow(to_odd(static_cast<double>(x)))) {}

    operator float() const { return Format::widen(__x); }
    template <typename I, typename = std::enable_if_t<std::is_integral_v<I>>> operator I() const {
        float wide = Format::widen(__x);
        if constexpr (std::is_same_v<I, bool>) {
            return wide != 0.0f;
        } else {
            return saturated<I>(std::trunc(wide));
        }
    }

    Float16 operator-() const { return of(static_cast<std::uint16_t>(__x ^ 0x8000u)); }
    Float16 operator+() const { return *this; }
    friend Float16 operator+(const Float16 &a, const Float16 &b) { return rounded(static_cast<float>(a) + static_cast<float>(b)); }
    friend Float16 operator-(const Float16 &a, const Float16 &b) { return rounded(static_cast<float>(a) - static_cast<float>(b)); }
    friend Float16 operator*(const Float16 &a, const Float16 &b) { return rounded(static_cast<float>(a) * static_cast<float>(b)); }
    friend Float16 operator/(const Float16 &a, const Float16 &b) { return static_cast<float>(a) / static_cast<float>(b); }
    Float16 &operator+=(const Float16 &b) { return *this = *this + b; }
    Float16 &operator-=(const Float16 &b) { return *this = *this - b; }
    Float16 &operator*=(const Float16 &b) { return *this = *this * b; }
    Float16 &operator/=(const Float16 &b) { return *this = *this / b; }
    friend bool operator==(const Float16 &a, const Float16 &b) { return static_cast<float>(a) == static_cast<float>(b); }
    friend bool operator!=(const Float16 &a, const Float16 &b) { return static_cast<float>(a) != static_cast<float>(b); }
    friend bool operator<(const Float16 &a, const Float16 &b) { return static_cast<float>(a) < static_cast<float>(b); }
    friend bool operator<=(const Float16 &a, const Float16 &b) { return static_cast<float>(a) <= static_cast<float>(b); }
    friend bool operator>(const Float16 &a, const Float16 &b) { return static_cast<float>(a) > static_cast<float>(b); }
    friend bool operator>=(const Float16 &a, const Float16 &b) { return static_cast<float>(a) >= static_cast<float>(b); }

    static Float16 of(std::uint16_t x) {
        Float16 made;
        made.__x = x;
        return made;
    }
};

} // namespace emulated

// Functions that have the same name for both types.
#define EIDOS_FLOAT16(T, T2)                                                                                                      \
    struct alignas(4) T2 {                                                                                                        \
        T x, y;                                                                                                                   \
    };                                                                                                                            \
    inline bool __hisnan(T a) { return std::isnan(static_cast<float>(a)); }                                                       \
    inline int __hisinf(T a) { return std::isinf(static_cast<float>(a)) ? (static_cast<float>(a) > 0.0f ? 1 : -1) : 0; }          \
    inline T __hadd(T a, T b) { return a + b; }                                                                                   \
    inline T __hsub(T a, T b) { return a - b; }                                                                                   \
    inline T __hmul(T a, T b) { return a * b; }                                                                                   \
    inline T __hdiv(T a, T b) { return a / b; }                                                                                   \
    inline T __hadd_rn(T a, T b) { return a + b; }                                                                                \
    inline T __hmul_rn(T a, T b) { return a * b; }                                                                                \
    inline T __hfma(T a, T b, T c) {                                                                                              \
        return emulated::fused(static_cast<float>(a), static_cast<float>(b), static_cast<float>(c));                              \
    }                                                                                                                             \
    inline T __hneg(T a) { return -a; }                                                                                           \
    inline T __habs(T a) { return T::of(static_cast<std::uint16_t>(a.__x & 0x7fffu)); }                                           \
    inline T __hmax(T a, T b) { return std::fmax(static_cast<float>(a), static_cast<float>(b)); }                                 \
    inline T __hmin(T a, T b) { return std::fmin(static_cast<float>(a), static_cast<float>(b)); }                                 \
    inline T __hmax_nan(T a, T b) { return __hisnan(a) ? T::of(0x7fff) : __hisnan(b) ? T::of(0x7fff) : __hmax(a, b); }            \
    inline T __hmin_nan(T a, T b) { return __hisnan(a) ? T::of(0x7fff) : __hisnan(b) ? T::of(0x7fff) : __hmin(a, b); }            \
    inline bool __heq(T a, T b) { return a == b; }                                                                                \
    inline bool __hne(T a, T b) { return a != b; }                                                                                \
    inline bool __hlt(T a, T b) { return a < b; }                                                                                 \
    inline bool __hle(T a, T b) { return a <= b; }                                                                                \
    inline bool __hgt(T a, T b) { return a > b; }                                                                                 \
    inline bool __hge(T a, T b) { return a >= b; }                                                                                \
    inline T hsqrt(T a) { return std::sqrt(static_cast<float>(a)); }                                                              \
    inline T hrsqrt(T a) { return rsqrtf(static_cast<float>(a)); }                                                                \
    inline T hrcp(T a) { return 1.0f / static_cast<float>(a); }                                                                   \
    inline T hexp(T a) { return std::exp(static_cast<float>(a)); }                                                                \
    inline T hexp2(T a) { return std::exp2(static_cast<float>(a)); }                                                              \
    inline T hlog(T a) { return std::log(static_cast<float>(a)); }                                                                \
    inline T hlog2(T a) { return std::log2(static_cast<float>(a)); }                                                              \
    inline T hsin(T a) { return std::sin(static_cast<float>(a)); }                                                                \
    inline T hcos(T a) { return std::cos(static_cast<float>(a)); }                                                                \
    inline T htanh(T a) { return std::tanh(static_cast<float>(a)); }                                                              \
    inline T hceil(T a) { return std::ceil(static_cast<float>(a)); }                                                              \
    inline T hfloor(T a) { return std::floor(static_cast<float>(a)); }                                                            \
    inline T hrint(T a) { return std::nearbyint(static_cast<float>(a)); }                                                         \
    inline T htrunc(T a) { return std::trunc(static_cast<float>(a)); }                                                            \
    inline T2 __hadd2(T2 a, T2 b) { return {a.x + b.x, a.y + b.y}; }                                                              \
    inline T2 __hsub2(T2 a, T2 b) { return {a.x - b.x, a.y - b.y}; }                                                              \
    inline T2 __hmul2(T2 a, T2 b) { return {a.x * b.x, a.y * b.y}; }                                                              \
    inline T2 __h2div(T2 a, T2 b) { return {a.x / b.x, a.y / b.y}; }                                                              \
    inline T2 __hfma2(T2 a, T2 b, T2 c) { return {__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y)}; }                                \
    inline T2 __hneg2(T2 a) { return {-a.x, -a.y}; }                                                                              \
    inline T2 __hmax2(T2 a, T2 b) { return {__hmax(a.x, b.x), __hmax(a.y, b.y)}; }                                                \
    inline T2 __hmin2(T2 a, T2 b) { return {__hmin(a.x, b.x), __hmin(a.y, b.y)}; }                                                \
    inline T2 operator+(T2 a, T2 b) { return __hadd2(a, b); }                                                                     \
    inline T2 operator-(T2 a, T2 b) { return __hsub2(a, b); }                                                                     \
    inline T2 operator*(T2 a, T2 b) { return __hmul2(a, b); }                                                                     \
    inline T2 operator/(T2 a, T2 b) { return __h2div(a, b); }                                                                     \
    inline float __low2float(T2 a) { return a.x; }                                                                                \
    inline float __high2float(T2 a) { return a.y; }
