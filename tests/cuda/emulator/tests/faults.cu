// Kernels that do what kernels may not, beside those that do it right, for the tests of the emulated device.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <stdint.h>

#include "../../../../src/cuda/tensor_cores.cuh"

extern "C" __global__ void emulator_copy(const float *in, float *out, const uint32_t n) {
    uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        out[i] = in[i];
    }
}

extern "C" __global__ void emulator_store(float *out, const long long i) { out[i] = 1.0f; }

extern "C" __global__ void emulator_quads(const float *in, float *out) { *reinterpret_cast<float4 *>(out) = *reinterpret_cast<const float4 *>(in); }

extern "C" __global__ void emulator_divide(const int *in, int *out) { out[0] = in[0] / in[1]; }

// The sum of 128 values; `barriers` says whether the threads wait for each other.
extern "C" __global__ void emulator_sum(const float *in, float *out, const int barriers) {
    __shared__ float part[128];
    part[threadIdx.x] = in[blockIdx.x * 128 + threadIdx.x];
    for (int step = 64; step > 0; step /= 2) {
        if (barriers) {
            __syncthreads();
        }
        if (threadIdx.x < step) {
            part[threadIdx.x] += part[threadIdx.x + step];
        }
    }
    if (threadIdx.x == 0) {
        out[blockIdx.x] = part[0];
    }
}

// The same over warps, the last step with dynamic shared memory.
extern "C" __global__ void emulator_warp_sum(const float *in, float *out) {
    extern __shared__ __align__(16) float of_warps[];
    float value = in[blockIdx.x * blockDim.x + threadIdx.x];
    for (int bits = 16; bits > 0; bits /= 2) {
        value += __shfl_xor_sync(0xffffffff, value, bits);
    }
    if (threadIdx.x % 32 == 0) {
        of_warps[threadIdx.x / 32] = value;
    }
    __syncthreads();
    if (threadIdx.x < 32) {
        value = threadIdx.x < blockDim.x / 32 ? of_warps[threadIdx.x] : 0.0f;
        for (int step = 16; step > 0; step /= 2) {
            value += __shfl_down_sync(0xffffffff, value, step);
        }
        if (threadIdx.x == 0) {
            out[blockIdx.x] = value;
        }
    }
}

extern "C" __global__ void emulator_votes(uint32_t *out) {
    uint32_t odd = __ballot_sync(0xffffffff, threadIdx.x % 2);
    int any = __any_sync(0xffffffff, threadIdx.x == 5), all = __all_sync(0xffffffff, threadIdx.x != 5);
    int first = __shfl_sync(0xffffffff, (int)threadIdx.x, 3, 8), before = __shfl_up_sync(0xffffffff, (int)threadIdx.x, 1);
    if (threadIdx.x == 17) {
        out[0] = odd;
        out[1] = any * 2 + all;
        out[2] = first;
        out[3] = before;
    }
}

extern "C" __global__ void emulator_lost_thread(float *out) {
    __shared__ float one;
    if (threadIdx.x == 3) {
        return;
    }
    one = 1.0f;
    __syncthreads();
    out[threadIdx.x] = one;
}

extern "C" __global__ void emulator_two_barriers(float *out) {
    if (threadIdx.x < 32) {
        __syncthreads();
    } else {
        out[threadIdx.x] = 0.0f;
        __syncthreads();
    }
}

extern "C" __global__ void emulator_lone_shuffle(float *out) {
    float value = 1.0f;
    if (threadIdx.x < 16) {
        value = __shfl_xor_sync(0xffffffff, value, 1);
    } else {
        __syncthreads();
    }
    out[threadIdx.x] = value;
}

extern "C" __global__ void emulator_absent_lane(float *out) {
    out[threadIdx.x] = __shfl_xor_sync(0xffffffff, 1.0f, 16);
}

extern "C" __global__ void emulator_shared_overrun(float *out, const int i) {
    __shared__ float few[8];
    few[i] = 1.0f;
    out[0] = few[0];
}

extern "C" __global__ void emulator_large_arrays(float *out) {
    __shared__ float first[8192];
    __shared__ float second[8192];
    first[0] = second[0] = 1.0f;
    out[0] = first[0] + second[0];
}

extern "C" __global__ void emulator_assert(const float *in) { assert(in[threadIdx.x] == 0.0f); }

extern "C" __global__ void emulator_order(uint32_t *out) { out[0] = blockIdx.x; }

// What the device's types make of numbers: in f64, out as bits of f16 and bf16, and fused.
extern "C" __global__ void emulator_round(const double *in, const float *single, uint16_t *halves, uint16_t *bfloats, const int n) {
    for (int i = threadIdx.x; i < n; i += blockDim.x) {
        halves[3 * i] = __half_as_ushort(__double2half(in[i]));
        halves[3 * i + 1] = __half_as_ushort(__float2half(single[i]));
        halves[3 * i + 2] = __half_as_ushort(__hfma(__half(single[i]), __half(1.5f), __half(single[(i + 1) % n])));
        bfloats[2 * i] = __bfloat16_as_ushort(__double2bfloat16(in[i]));
        bfloats[2 * i + 1] = __bfloat16_as_ushort(__float2bfloat16(single[i]));
    }
}

// C = A B for tiles of 16: A by rows, B by columns or by rows, through dynamic shared memory. `waits` is whether the lanes wait for
// what they copy there.
template <typename T> __device__ void tile_product(const T *a, const T *b, float *c, const int by_rows, const int waits) {
    extern __shared__ __align__(128) unsigned char room[];
    T *at = reinterpret_cast<T *>(room);
    const int lane = threadIdx.x;
    copy_beside(at + 8 * lane, a + 8 * lane, true);
    copy_beside(at + 256 + 8 * lane, b + 8 * lane, true);
    if (waits) {
        wait_for_copies();
    }
    __syncwarp();
    uint32_t left[4], right[4];
    load_matrices(left, at + lane % 16 * 16 + lane / 16 * 8);
    if (by_rows) {
        load_transposed_matrices(right, at + 256 + lane % 16 * 16 + lane / 16 * 8);
    } else {
        load_matrices(right, at + 256 + (lane / 16 * 8 + lane % 8) * 16 + lane / 8 % 2 * 8);
    }
    for (int i = 0; i < 2; i++) {
        float sum[4] = {1.0f, 1.0f, 1.0f, 1.0f};
        multiply_add<T>(sum, left, right[2 * i], right[2 * i + 1]);
        for (int j = 0; j < 4; j++) {
            c[(lane / 4 + j / 2 * 8) * 16 + i * 8 + lane % 4 * 2 + j % 2] = sum[j];
        }
    }
}
extern "C" __global__ void emulator_tile_bf16(const __nv_bfloat16 *a, const __nv_bfloat16 *b, float *c, const int by_rows, const int waits) {
    tile_product(a, b, c, by_rows, waits);
}
extern "C" __global__ void emulator_tile_f16(const __half *a, const __half *b, float *c, const int by_rows, const int waits) {
    tile_product(a, b, c, by_rows, waits);
}
