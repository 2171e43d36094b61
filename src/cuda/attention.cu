// Attention in single precision within each text of a batch: one pass over the keys with a running softmax
// (Milakov & Gimelshein 2018; Dao et al. 2022, "FlashAttention"), so that scores are never in global memory.
#include "scores.cuh"

constexpr int THREADS = 128, PART_QUERIES = 64;

// Copies a head's columns of some rows of a text, from position `first` on, to shared memory. What is beyond the text, or
// beyond the head's columns up to WIDTH, becomes 0.
template <int WIDTH, int STRIDE>
__device__ __forceinline__ void load_tile(float *tile, int rows, const float *source, int64_t row_width, int head_width,
                                          int first, int length) {
    constexpr int SIZE = Pack<float>::COUNT;
    const bool packed = head_width % SIZE == 0 && aligned(source);
    for (int index = threadIdx.x; index < rows * (WIDTH / SIZE); index += blockDim.x) {
        const int row = index / (WIDTH / SIZE), column = index % (WIDTH / SIZE) * SIZE;
        const float *from = source + (int64_t)(first + row) * row_width + column;
        Pack<float> pack;
        if (first + row < length && packed && column < head_width) {
            pack = *reinterpret_cast<const Pack<float> *>(from);
        } else {
#pragma unroll
            for (int i = 0; i < SIZE; ++i) {
                const bool inside = first + row < length && column + i < head_width;
                pack.values[i] = inside ? from[i] : 0.0f;
            }
        }
        *reinterpret_cast<Pack<float> *>(tile + row * STRIDE + column) = pack;
    }
}

// A block has QUERIES queries of one head and goes through its keys, KEYS at a time. Eight neighbouring threads share
// QUERIES / 16 queries: each has some of their scores, and some columns of their context.
template <int WIDTH, int QUERIES, int KEYS> __device__ __forceinline__ void attention(ATTENTION_PARAMETERS(float)) {
    constexpr int STRIDE = WIDTH + 4;
    constexpr int ROWS = QUERIES / 16, COLUMNS = KEYS / 8, PACKS = WIDTH / 32;
    __shared__ __align__(16) float query_tile[QUERIES * STRIDE];
    // Keys, and then their values.
    __shared__ __align__(16) float key_tile[KEYS * STRIDE];
    __shared__ float weights[QUERIES * (KEYS + 1)];

    const Biases biases{by_key, by_distance, query_products, key_products, distance_rows};
    const Part part(work, part_count, first_head, QUERIES, PART_QUERIES / QUERIES);
    if (part.first >= part.length) return;
    const int width = settings.head_width;
    const int64_t query_width = (int64_t)settings.heads * width, key_width = (int64_t)settings.key_heads * width;
    const int last = min(part.first + QUERIES, part.length) - 1;
    queries += part.start * query_width + part.head * width;
    keys += part.start * key_width + part.head / settings.group * width;
    values += part.start * key_width + part.head / settings.group * width;
    context += part.start * query_width + part.head * width;

    const int member = threadIdx.x % 8, first_row = threadIdx.x / 8 * ROWS;
    float largest[ROWS], sum[ROWS], result[ROWS][PACKS][4];
#pragma unroll
    for (int i = 0; i < ROWS; ++i) {
        largest[i] = -INFINITY;
        sum[i] = 0.0f;
#pragma unroll
        for (int j = 0; j < PACKS; ++j)
#pragma unroll
            for (int k = 0; k < 4; ++k) result[i][j][k] = 0.0f;
    }
    load_tile<WIDTH, STRIDE>(query_tile, QUERIES, queries, query_width, width, part.first, part.length);

    const int past = past_key(settings, last, part.length);
    for (int first = first_key(settings, part.first) / KEYS * KEYS; first < past; first += KEYS) {
        __syncthreads();
        load_tile<WIDTH, STRIDE>(key_tile, KEYS, keys, key_width, width, first, part.length);
        __syncthreads();
        float scores[ROWS][COLUMNS];
#pragma unroll
        for (int i = 0; i < ROWS; ++i)
#pragma unroll
            for (int j = 0; j < COLUMNS; ++j) scores[i][j] = 0.0f;
        for (int column = 0; column < width; column += 4) {
            Pack<float> query[ROWS], key[COLUMNS];
#pragma unroll
            for (int i = 0; i < ROWS; ++i)
                query[i] = *reinterpret_cast<const Pack<float> *>(query_tile + (first_row + i) * STRIDE + column);
#pragma unroll
            for (int j = 0; j < COLUMNS; ++j)
                key[j] = *reinterpret_cast<const Pack<float> *>(key_tile + (member + 8 * j) * STRIDE + column);
#pragma unroll
            for (int i = 0; i < ROWS; ++i)
#pragma unroll
                for (int j = 0; j < COLUMNS; ++j)
#pragma unroll
                    for (int k = 0; k < 4; ++k)
                        scores[i][j] = fmaf(query[i].values[k], key[j].values[k], scores[i][j]);
        }
#pragma unroll
        for (int i = 0; i < ROWS; ++i) {
            // Rows beyond the text are computed as its last one, and never written.
            const int query = min(part.first + first_row + i, part.length - 1);
            float most = largest[i];
#pragma unroll
            for (int j = 0; j < COLUMNS; ++j) {
                const int key = first + member + 8 * j;
                scores[i][j] = reads(settings, part, query, key)
                                   ? finished(settings, biases, part, rows, query, key, scores[i][j])
                                   : -INFINITY;
                most = fmaxf(most, scores[i][j]);
            }
            for (int distance = 4; distance > 0; distance /= 2)
                most = fmaxf(most, __shfl_xor_sync(WARP, most, distance));
            // Until a query has read a key, nothing is scaled.
            const float base = most == -INFINITY ? 0.0f : most;
            const float change = expf(largest[i] - base);
            float part_sum = 0.0f;
#pragma unroll
            for (int j = 0; j < COLUMNS; ++j) {
                const float weight = expf(scores[i][j] - base);
                weights[(first_row + i) * (KEYS + 1) + member + 8 * j] = weight;
                part_sum += weight;
            }
            for (int distance = 4; distance > 0; distance /= 2)
                part_sum += __shfl_xor_sync(WARP, part_sum, distance);
            sum[i] = sum[i] * change + part_sum;
            largest[i] = most;
#pragma unroll
            for (int j = 0; j < PACKS; ++j)
#pragma unroll
                for (int k = 0; k < 4; ++k) result[i][j][k] *= change;
        }
        __syncthreads();
        load_tile<WIDTH, STRIDE>(key_tile, KEYS, values, key_width, width, first, part.length);
        __syncthreads();
        for (int key = 0; key < KEYS; ++key) {
            float weight[ROWS];
#pragma unroll
            for (int i = 0; i < ROWS; ++i) weight[i] = weights[(first_row + i) * (KEYS + 1) + key];
#pragma unroll
            for (int j = 0; j < PACKS; ++j) {
                const Pack<float> value =
                    *reinterpret_cast<const Pack<float> *>(key_tile + key * STRIDE + member * 4 + 32 * j);
#pragma unroll
                for (int i = 0; i < ROWS; ++i)
#pragma unroll
                    for (int k = 0; k < 4; ++k) result[i][j][k] = fmaf(weight[i], value.values[k], result[i][j][k]);
            }
        }
    }

#pragma unroll
    for (int i = 0; i < ROWS; ++i) {
        const int query = part.first + first_row + i;
        if (query >= part.length) continue;
        const float inverse = 1.0f / sum[i];
#pragma unroll
        for (int j = 0; j < PACKS; ++j)
#pragma unroll
            for (int k = 0; k < 4; ++k) {
                const int column = member * 4 + 32 * j + k;
                if (column < width) context[query * query_width + column] = result[i][j][k] * inverse;
            }
    }
}

// Queries and keys at a time, so that tiles fit into the shared memory that every device gives a block.
#define DEFINE(width, query_count, key_count)                                                                              \
    extern "C" __global__ void __launch_bounds__(THREADS) attention_##width##_f32(ATTENTION_PARAMETERS(float)) {           \
        attention<width, query_count, key_count>(ATTENTION_ARGUMENTS);                                                 \
    }

DEFINE(32, 64, 32)
DEFINE(64, 64, 32)
DEFINE(128, 32, 32)
DEFINE(256, 16, 16)
