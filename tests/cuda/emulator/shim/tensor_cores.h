// Stands for the instructions that src/cuda/tensor_cores.cuh is made of. Each of the 32 lanes of a warp holds the elements that PTX
// says it does, so that a kernel that has them elsewhere is wrong here as well; a copy is made when the thread waits for it, so that
// one who does not wait reads what was there before.
#pragma once

#include <vector>

#include "cuda_bf16.h"
#include "cuda_fp16.h"

namespace emulated {

// The 16 bits at a place of a register of two.
inline std::uint16_t half_of(std::uint32_t word, int place) { return static_cast<std::uint16_t>(word >> 16 * place); }

template <typename T> float widened(std::uint32_t word, int place) { return static_cast<float>(T::of(half_of(word, place))); }

template <typename T>
void multiply_add(float (&sum)[4], const std::uint32_t (&left)[4], std::uint32_t upper, std::uint32_t lower, int line = __builtin_LINE()) {
    struct Item {
        float (*sum)[4];
        const std::uint32_t (*left)[4];
        std::uint32_t right[2];
    } item{&sum, &left, {upper, lower}};
    meet("multiply_add", line, 0xffffffffu, &item, [](void *const *items, unsigned int lanes) {
        if (lanes != 0xffffffffu) {
            fail(launch_failed, "multiply_add: the warp has fewer than 32 threads");
        }
        // m16n8k16: A is 16 x 16, B is 16 x 8, C is 16 x 8.
        float a[16][16], b[16][8], c[16][8];
        for (int l = 0; l < 32; ++l) {
            const Item &one = *static_cast<Item *>(items[l]);
            for (int i = 0; i < 8; ++i) {
                a[l / 4 + (i / 2 % 2) * 8][l % 4 * 2 + i % 2 + (i / 4) * 8] = widened<T>((*one.left)[i / 2], i % 2);
            }
            for (int i = 0; i < 4; ++i) {
                b[l % 4 * 2 + i % 2 + (i / 2) * 8][l / 4] = widened<T>(one.right[i / 2], i % 2);
                c[l / 4 + (i / 2) * 8][l % 4 * 2 + i % 2] = (*one.sum)[i];
            }
        }
        for (int m = 0; m < 16; ++m) {
            for (int k = 0; k < 16; ++k) {
                for (int n = 0; n < 8; ++n) {
                    c[m][n] += a[m][k] * b[k][n];
                }
            }
        }
        for (int l = 0; l < 32; ++l) {
            for (int i = 0; i < 4; ++i) {
                (*static_cast<Item *>(items[l])->sum)[i] = c[l / 4 + (i / 2) * 8][l % 4 * 2 + i % 2];
            }
        }
    });
}

template <bool transposed> void read_matrices(std::uint32_t (&parts)[4], const void *row, int line) {
    if (reinterpret_cast<std::uintptr_t>(row) % 16 != 0) {
        fail(misaligned_address, "load_matrices: a row does not begin at a multiple of 16 bytes");
    }
    struct Item {
        std::uint32_t (*parts)[4];
        const std::uint16_t *row;
    } item{&parts, static_cast<const std::uint16_t *>(row)};
    meet("load_matrices", line, 0xffffffffu, &item, [](void *const *items, unsigned int lanes) {
        if (lanes != 0xffffffffu) {
            fail(launch_failed, "load_matrices: the warp has fewer than 32 threads");
        }
        for (int l = 0; l < 32; ++l) {
            for (int matrix = 0; matrix < 4; ++matrix) {
                std::uint32_t word = 0;
                for (int i = 0; i < 2; ++i) {
                    int far = l % 4 * 2 + i, near = l / 4;
                    const Item &from = *static_cast<Item *>(items[8 * matrix + (transposed ? far : near)]);
                    word |= static_cast<std::uint32_t>(from.row[transposed ? near : far]) << 16 * i;
                }
                (*static_cast<Item *>(items[l])->parts)[matrix] = word;
            }
        }
    });
}

inline void load_matrices(std::uint32_t (&parts)[4], const void *row, int line = __builtin_LINE()) {
    read_matrices<false>(parts, row, line);
}
inline void load_transposed_matrices(std::uint32_t (&parts)[4], const void *row, int line = __builtin_LINE()) {
    read_matrices<true>(parts, row, line);
}

struct Copy {
    void *to;
    const void *from;
};

// What the thread that runs has begun to copy. Blocks run one after the other.
inline std::vector<Copy> &own_copies() {
    static unsigned long long block;
    static std::vector<Copy> all[1024];
    if (block != block_number) {
        block = block_number;
        for (auto &copies : all) {
            copies.clear();
        }
    }
    return all[(threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x];
}

inline void copy_beside(void *to, const void *from, bool wanted) {
    if (reinterpret_cast<std::uintptr_t>(to) % 16 != 0 || reinterpret_cast<std::uintptr_t>(from) % 16 != 0) {
        fail(misaligned_address, "copy_beside: an address is not a multiple of 16 bytes");
    }
    own_copies().push_back({to, wanted ? from : nullptr});
}

inline void wait_for_copies() {
    for (const Copy &copy : own_copies()) {
        if (copy.from != nullptr) {
            std::memcpy(copy.to, copy.from, 16);
        } else {
            std::memset(copy.to, 0, 16);
        }
    }
    own_copies().clear();
}

} // namespace emulated
