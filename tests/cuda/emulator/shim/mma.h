// Stands for the header of matrix fragments: each of the 32 lanes of a warp holds a 32nd of a tile, and a product needs them all.
// Which elements a lane holds is not what a device does, and a kernel may not know it.
#pragma once

#include "cuda_bf16.h"
#include "cuda_fp16.h"

namespace nvcuda::wmma {

struct matrix_a;
struct matrix_b;
struct accumulator;
struct row_major;
struct col_major;
enum layout_t { mem_row_major, mem_col_major };
namespace precision {
struct tf32;
}

namespace detail {
template <typename T> struct Stored {
    using type = T;
};
template <> struct Stored<precision::tf32> {
    using type = float;
};
template <typename Use, int M, int N, int K> struct Shape;
template <int M, int N, int K> struct Shape<matrix_a, M, N, K> {
    static constexpr int rows = M, columns = K;
};
template <int M, int N, int K> struct Shape<matrix_b, M, N, K> {
    static constexpr int rows = K, columns = N;
};
template <int M, int N, int K> struct Shape<accumulator, M, N, K> {
    static constexpr int rows = M, columns = N;
};

inline void check(const char *what, const void *address, unsigned int stride, std::size_t size) {
    if (reinterpret_cast<std::uintptr_t>(address) % 32 != 0) {
        ::emulated::fail(::emulated::misaligned_address, "%s: the address is not a multiple of 32 bytes", what);
    }
    if (stride * size % 16 != 0) {
        ::emulated::fail(::emulated::misaligned_address, "%s: the leading dimension is not a multiple of 16 bytes", what);
    }
}
} // namespace detail

template <typename Use, int M, int N, int K, typename T, typename Layout = void> struct fragment {
    using Element = typename detail::Stored<T>::type;
    using Of = detail::Shape<Use, M, N, K>;
    static constexpr int num_elements = Of::rows * Of::columns / 32;
    Element x[num_elements];
};

template <typename Use, int M, int N, int K, typename T, typename Layout>
void fill_fragment(fragment<Use, M, N, K, T, Layout> &fragment, const typename detail::Stored<T>::type &value) {
    for (auto &x : fragment.x) {
        x = value;
    }
}

template <typename Use, int M, int N, int K, typename T, typename Layout>
void load_matrix_sync(fragment<Use, M, N, K, T, Layout> &into, const typename detail::Stored<T>::type *from, unsigned int stride) {
    static_assert(std::is_same_v<Layout, row_major> || std::is_same_v<Layout, col_major>, "an accumulator is loaded with its layout");
    using Of = detail::Shape<Use, M, N, K>;
    detail::check("load_matrix_sync", from, stride, sizeof(*from));
    for (int i = 0; i < into.num_elements; ++i) {
        unsigned int at = static_cast<unsigned int>(i) * 32 + ::emulated::lane();
        unsigned int row = at / Of::columns, column = at % Of::columns;
        into.x[i] = std::is_same_v<Layout, row_major> ? from[row * stride + column] : from[column * stride + row];
    }
}

template <int M, int N, int K, typename T>
void load_matrix_sync(fragment<accumulator, M, N, K, T> &into, const T *from, unsigned int stride, layout_t layout) {
    detail::check("load_matrix_sync", from, stride, sizeof(*from));
    for (int i = 0; i < into.num_elements; ++i) {
        unsigned int at = static_cast<unsigned int>(i) * 32 + ::emulated::lane();
        unsigned int row = at / N, column = at % N;
        into.x[i] = layout == mem_row_major ? from[row * stride + column] : from[column * stride + row];
    }
}

template <int M, int N, int K, typename T>
void store_matrix_sync(T *to, const fragment<accumulator, M, N, K, T> &from, unsigned int stride, layout_t layout) {
    detail::check("store_matrix_sync", to, stride, sizeof(*to));
    for (int i = 0; i < from.num_elements; ++i) {
        unsigned int at = static_cast<unsigned int>(i) * 32 + ::emulated::lane();
        unsigned int row = at / N, column = at % N;
        to[layout == mem_row_major ? row * stride + column : column * stride + row] = from.x[i];
    }
}

inline float __float_to_tf32(float x) {
    std::uint32_t all = ::emulated::bits<std::uint32_t>(x);
    return (all & 0x7f800000u) == 0x7f800000u ? x : ::emulated::bits<float>((all + 0x1000u) & ~0x1fffu);
}

template <int M, int N, int K, typename TA, typename LA, typename TB, typename LB, typename TC, typename TD>
void mma_sync(fragment<accumulator, M, N, K, TD> &d, const fragment<matrix_a, M, N, K, TA, LA> &a,
              const fragment<matrix_b, M, N, K, TB, LB> &b, const fragment<accumulator, M, N, K, TC> &c, int line = __builtin_LINE()) {
    static_assert((M == 16 && N == 16) || (M == 32 && N == 8) || (M == 8 && N == 32), "a shape that devices have");
    static_assert(K == (std::is_same_v<TA, precision::tf32> ? 8 : 16), "a depth that devices have");
    struct Item {
        fragment<accumulator, M, N, K, TD> *d;
        const fragment<matrix_a, M, N, K, TA, LA> *a;
        const fragment<matrix_b, M, N, K, TB, LB> *b;
        const fragment<accumulator, M, N, K, TC> *c;
    } item{&d, &a, &b, &c};
    ::emulated::meet("mma_sync", line, 0xffffffffu, &item, [](void *const *items, unsigned int lanes) {
        if (lanes != 0xffffffffu) {
            ::emulated::fail(::emulated::launch_failed, "mma_sync: the warp has fewer than 32 threads");
        }
        float a_tile[M][K], b_tile[K][N], sum[M][N];
        for (int l = 0; l < 32; ++l) {
            const Item &one = *static_cast<Item *>(items[l]);
            for (int i = 0; i < one.a->num_elements; ++i) {
                int at = i * 32 + l;
                a_tile[at / K][at % K] = static_cast<float>(one.a->x[i]);
            }
            for (int i = 0; i < one.b->num_elements; ++i) {
                int at = i * 32 + l;
                b_tile[at / N][at % N] = static_cast<float>(one.b->x[i]);
            }
            for (int i = 0; i < one.c->num_elements; ++i) {
                int at = i * 32 + l;
                sum[at / N][at % N] = static_cast<float>(one.c->x[i]);
            }
        }
        for (int m = 0; m < M; ++m) {
            for (int k = 0; k < K; ++k) {
                for (int n = 0; n < N; ++n) {
                    sum[m][n] += a_tile[m][k] * b_tile[k][n];
                }
            }
        }
        for (int l = 0; l < 32; ++l) {
            const Item &one = *static_cast<Item *>(items[l]);
            for (int i = 0; i < one.d->num_elements; ++i) {
                int at = i * 32 + l;
                one.d->x[i] = static_cast<TD>(sum[at / N][at % N]);
            }
        }
    });
}

} // namespace nvcuda::wmma
