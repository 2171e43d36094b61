// Attention in half types: as in attention.cu, with products on tensor cores that add in single precision.
#include "scores.cuh"
#include <mma.h>

using namespace nvcuda;

// A block has 16 queries for each of its WARPS warps and goes through their keys, KEYS at a time. A warp computes alone
// from its queries and the keys that all share, so that a row does not depend on the number of warps.
template <class T, int WIDTH, int WARPS, int KEYS> __device__ __forceinline__ void attention(ATTENTION_PARAMETERS(T)) {
    constexpr int STRIDE = WIDTH + 8, SCORE_STRIDE = KEYS + 4, WEIGHT_STRIDE = KEYS + 8, PARTS = WIDTH / 16;
    __shared__ __align__(32) T query_tile[WARPS * 16 * STRIDE];
    __shared__ __align__(32) T key_tile[KEYS * STRIDE];
    __shared__ __align__(32) T value_tile[KEYS * STRIDE];
    // The scores of a warp, and then in their place the weights.
    __shared__ __align__(32) float all_scores[WARPS][16 * SCORE_STRIDE];
    __shared__ float all_factors[WARPS][16];
    static_assert(WEIGHT_STRIDE * sizeof(T) <= SCORE_STRIDE * sizeof(float), "weights take the place of scores");

    const Biases biases{by_key, by_distance, query_products, key_products, distance_rows};
    const Part part(work, first_head, WARPS * 16);
    if (part.first >= part.length) return;
    const int width = settings.head_width;
    const int64_t query_width = (int64_t)settings.heads * width, key_width = query_width / settings.group;
    const int last = min(part.first + WARPS * 16, part.length) - 1;
    queries += part.start * query_width + part.head * width;
    keys += part.start * key_width + part.head / settings.group * width;
    values += part.start * key_width + part.head / settings.group * width;
    context += part.start * query_width + part.head * width;

    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    float *scores = all_scores[warp], *factors = all_factors[warp];
    T *weights = reinterpret_cast<T *>(scores);
    // Two lanes have a row of scores, every other column each.
    const int row = lane / 2, side = lane % 2;
    const int first_query = part.first + warp * 16;
    const bool busy = first_query < part.length;
    const int query = min(first_query + row, part.length - 1);

    wmma::fragment<wmma::accumulator, 16, 16, 16, float> result[PARTS], rows_of;
#pragma unroll
    for (int i = 0; i < PARTS; ++i) wmma::fill_fragment(result[i], 0.0f);
    // Which row an element of a fragment is in is not specified: a fragment of row numbers tells.
    for (int index = lane; index < 256; index += 32) scores[index / 16 * SCORE_STRIDE + index % 16] = index / 16;
    __syncwarp();
    wmma::load_matrix_sync(rows_of, scores, SCORE_STRIDE, wmma::mem_row_major);
    float largest = -INFINITY, sum = 0.0f;
    load_tile<T, WIDTH, STRIDE>(query_tile, WARPS * 16, queries, query_width, width, part.first, part.length);

    const int past = past_key(settings, last, part.length);
    for (int first = first_key(settings, part.first) / KEYS * KEYS; first < past; first += KEYS) {
        __syncthreads();
        load_tile<T, WIDTH, STRIDE>(key_tile, KEYS, keys, key_width, width, first, part.length);
        load_tile<T, WIDTH, STRIDE>(value_tile, KEYS, values, key_width, width, first, part.length);
        __syncthreads();
        // Whether these keys are read by any of the warp's queries: what is skipped would be weights of 0.
        const bool read = busy && first < past_key(settings, min(first_query + 15, part.length - 1), part.length) &&
                          first + KEYS > first_key(settings, first_query);
        if (!read) continue;
#pragma unroll
        for (int j = 0; j < KEYS / 16; ++j) {
            wmma::fragment<wmma::accumulator, 16, 16, 16, float> product;
            wmma::fill_fragment(product, 0.0f);
#pragma unroll
            for (int i = 0; i < PARTS; ++i) {
                wmma::fragment<wmma::matrix_a, 16, 16, 16, T, wmma::row_major> left;
                wmma::fragment<wmma::matrix_b, 16, 16, 16, T, wmma::col_major> right;
                wmma::load_matrix_sync(left, query_tile + warp * 16 * STRIDE + i * 16, STRIDE);
                wmma::load_matrix_sync(right, key_tile + j * 16 * STRIDE + i * 16, STRIDE);
                wmma::mma_sync(product, left, right, product);
            }
            wmma::store_matrix_sync(scores + j * 16, product, SCORE_STRIDE, wmma::mem_row_major);
        }
        __syncwarp();
        float own[KEYS / 2];
        float most = largest;
#pragma unroll
        for (int j = 0; j < KEYS / 2; ++j) {
            const int key = 2 * j + side;
            own[j] = finished(settings, biases, part, rows, query, first + key, scores[row * SCORE_STRIDE + key]);
            most = fmaxf(most, own[j]);
        }
        most = fmaxf(most, __shfl_xor_sync(WARP, most, 1));
        // Until a query has read a key, nothing is scaled.
        const float base = most == -INFINITY ? 0.0f : most;
        const float change = expf(largest - base);
        // All scores are read before weights take their place.
        __syncwarp();
        float part_sum = 0.0f;
#pragma unroll
        for (int j = 0; j < KEYS / 2; ++j) {
            const float weight = expf(own[j] - base);
            weights[row * WEIGHT_STRIDE + 2 * j + side] = narrow<T>(weight);
            part_sum += weight;
        }
        part_sum += __shfl_xor_sync(WARP, part_sum, 1);
        sum = sum * change + part_sum;
        largest = most;
        if (side == 0) factors[row] = change;
        __syncwarp();
#pragma unroll
        for (int i = 0; i < PARTS; ++i) {
#pragma unroll
            for (int k = 0; k < result[i].num_elements; ++k) result[i].x[k] *= factors[(int)rows_of.x[k]];
#pragma unroll
            for (int j = 0; j < KEYS / 16; ++j) {
                wmma::fragment<wmma::matrix_a, 16, 16, 16, T, wmma::row_major> left;
                wmma::fragment<wmma::matrix_b, 16, 16, 16, T, wmma::row_major> right;
                wmma::load_matrix_sync(left, weights + j * 16, WEIGHT_STRIDE);
                wmma::load_matrix_sync(right, value_tile + j * 16 * STRIDE + i * 16, STRIDE);
                wmma::mma_sync(result[i], left, right, result[i]);
            }
        }
        __syncwarp();
    }

    if (!busy) return;
    if (side == 0) factors[row] = 1.0f / sum;
    __syncwarp();
#pragma unroll
    for (int i = 0; i < PARTS; ++i) {
        wmma::store_matrix_sync(scores, result[i], SCORE_STRIDE, wmma::mem_row_major);
        __syncwarp();
        for (int index = lane; index < 256; index += 32) {
            const int line = index / 16, column = i * 16 + index % 16;
            if (first_query + line < part.length && column < width)
                context[(first_query + line) * query_width + column] =
                    narrow<T>(scores[line * SCORE_STRIDE + index % 16] * factors[line]);
        }
        __syncwarp();
    }
}

// Warps and keys at a time, so that tiles fit into the shared memory that every device gives a block.
#define DEFINE(width, warps, key_count, suffix, T)                                                                         \
    extern "C" __global__ void __launch_bounds__(32 * warps) attention_##width##_##suffix(ATTENTION_PARAMETERS(T)) {       \
        attention<T, width, warps, key_count>(ATTENTION_ARGUMENTS);                                                       \
    }

DEFINE(64, 4, 32, bf16, bf16)
DEFINE(128, 4, 32, bf16, bf16)
DEFINE(256, 2, 16, bf16, bf16)
DEFINE(64, 4, 32, f16, f16)
DEFINE(128, 4, 32, f16, f16)
DEFINE(256, 2, 16, f16, f16)
