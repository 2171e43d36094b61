// Rotations of pairs of columns by the angles of a row's position.
#include "common.cuh"

// A thread has some pairs of one head of one row: neighbouring ones whose columns lie half of `rotary_dim` apart, or in the
// interleaved layout one of two adjacent columns. Columns after `rotary_dim` stay as they are.
template <class T>
__device__ __forceinline__ void rotate(const T *rows, const float *cosines, const float *sines, T *result,
                                       int64_t row_count, int width, int head_width, int rotary_dim, int interleaved) {
    constexpr int SIZE = Pack<T>::COUNT;
    const int64_t row = own_row();
    if (row >= row_count) return;
    const int half = rotary_dim / 2, rest = head_width - rotary_dim;
    const bool packed = !interleaved && half % SIZE == 0 && rest % SIZE == 0 && aligned(rows) && aligned(result);
    const int run = packed ? SIZE : 1;
    const int units = (half + rest) / run;
    const float *cosine = cosines + row * half, *sine = sines + row * half;
    for (int unit = own_unit(); unit < width / head_width * units; unit += unit_stride()) {
        const T *from = rows + row * width + unit / units * head_width;
        T *to = result + row * width + unit / units * head_width;
        const int pair = unit % units * run;
        if (pair >= half) {
            const int column = pair + half;
            if (packed)
                *reinterpret_cast<Pack<T> *>(to + column) = *reinterpret_cast<const Pack<T> *>(from + column);
            else
                to[column] = from[column];
        } else if (packed) {
            Pack<T> first = *reinterpret_cast<const Pack<T> *>(from + pair);
            Pack<T> second = *reinterpret_cast<const Pack<T> *>(from + pair + half);
#pragma unroll
            for (int i = 0; i < SIZE; ++i) {
                const float a = widen(first.values[i]), b = widen(second.values[i]);
                first.values[i] = narrow<T>(a * cosine[pair + i] - b * sine[pair + i]);
                second.values[i] = narrow<T>(b * cosine[pair + i] + a * sine[pair + i]);
            }
            *reinterpret_cast<Pack<T> *>(to + pair) = first;
            *reinterpret_cast<Pack<T> *>(to + pair + half) = second;
        } else {
            const int one = interleaved ? 2 * pair : pair, other = interleaved ? one + 1 : one + half;
            const float a = widen(from[one]), b = widen(from[other]);
            to[one] = narrow<T>(a * cosine[pair] - b * sine[pair]);
            to[other] = narrow<T>(b * cosine[pair] + a * sine[pair]);
        }
    }
}

#define DEFINE(suffix, T)                                                                                                  \
    extern "C" __global__ void rotate_##suffix(const T *rows, const float *cosines, const float *sines, T *result,         \
                                               int64_t row_count, int width, int head_width, int rotary_dim,               \
                                               int interleaved) {                                                          \
        rotate(rows, cosines, sines, result, row_count, width, head_width, rotary_dim, interleaved);                       \
    }

FOR_EACH_TYPE(DEFINE)
