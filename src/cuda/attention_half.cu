// Attention in half types: as in attention.cu, with products on tensor cores that add in single precision. Scores and weights
// stay in registers: a lane holds the elements of a product that it needs as a factor of the next one (Dao 2023,
// "FlashAttention-2").
#include "scores.cuh"
#include "tensor_cores.cuh"

// Begins to copy a head's columns of ROWS rows, from row `first` on, to shared memory. What is not among the first `count`
// rows, or beyond the head's columns up to WIDTH, becomes 0. Where rows do not lie in packs, they are copied at once.
template <class T, int WIDTH, int STRIDE, int THREADS, int ROWS>
__device__ __forceinline__ void load_tile(T *tile, const T *source, int row_width, int head_width, bool packed, int first,
                                          int count) {
    constexpr int SIZE = Pack<T>::COUNT, PACKS = WIDTH / SIZE, AT_ONCE = THREADS / PACKS;
    static_assert(THREADS % PACKS == 0 && ROWS % AT_ONCE == 0, "each thread has packs of the same columns");
    if (packed) {
        const int row = threadIdx.x / PACKS, column = threadIdx.x % PACKS * SIZE;
        const int wanted = column < head_width ? count - row : 0;
        const T *from = source + ((int64_t)(first + row) * row_width + column);
#pragma unroll
        for (int i = 0; i < ROWS; i += AT_ONCE) {
            copy_beside(tile + (row + i) * STRIDE + column, from, i < wanted);
            from += AT_ONCE * row_width;
        }
    } else {
#pragma unroll 1
        for (int index = threadIdx.x; index < ROWS * WIDTH; index += THREADS) {
            const int row = index / WIDTH, column = index % WIDTH;
            const bool wanted = row < count && column < head_width;
            tile[row * STRIDE + column] =
                wanted ? source[(int64_t)(first + row) * row_width + column] : narrow<T>(0.0f);
        }
        // What reads matrices next wants all lanes of a warp at one place.
        __syncwarp();
    }
}

// A pack as registers hold it.
struct alignas(16) Words {
    uint32_t words[4];
};

// Of four words of each of four neighbouring lanes, gives each lane those that all of them have in one place: its own.
__device__ __forceinline__ void transpose(uint32_t (&words)[4], int lane) {
#pragma unroll
    for (int distance = 1; distance < 4; distance *= 2) {
        const bool upper = lane & distance;
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            if (i & distance) continue;
            const uint32_t other = __shfl_xor_sync(WARP, upper ? words[i] : words[i | distance], distance);
            words[i] = upper ? other : words[i];
            words[i | distance] = upper ? words[i | distance] : other;
        }
    }
}

// A block has 16 queries for each of its WARPS warps and goes through their keys, KEYS at a time. A warp computes alone
// from its queries and the keys that all share, so that a row does not depend on the number of warps. Where all is PLAIN, a
// raw score is scaled, by more than 0, and nothing else becomes of it, and rows lie in packs of 16 bytes.
//
// Of scores and of the result a lane has two rows: `lane / 4` and 8 further.
template <class T, int WIDTH, int WARPS, int KEYS, bool PLAIN>
__device__ __forceinline__ void attention(ATTENTION_PARAMETERS(T)) {
    // Rows of 8 numbers more than columns: eight of them, 16 bytes each, lie in all banks of shared memory.
    constexpr int STRIDE = WIDTH + 8, STEPS = WIDTH / 16, THREADS = 32 * WARPS, QUERIES = 16 * WARPS;
    constexpr float LOG2_E = 1.44269504088896341f;
    // Twice keys and their values: those that are computed with, and the next.
    __shared__ __align__(16) T tiles[4 * KEYS * STRIDE];
    // Queries are in registers before the second keys take their place.
    T *query_tile = tiles + 2 * KEYS * STRIDE;
    static_assert(QUERIES <= 2 * KEYS, "queries take the place of keys and values");

    const Part part(work, part_count, first_head, QUERIES, 1);
    if (!part.there) return;
    const int width = settings.head_width;
    const int query_width = settings.heads * width, key_width = settings.key_heads * width;
    queries += part.head * width;
    keys += part.head / settings.group * width;
    values += part.head / settings.group * width;
    context += part.head * width;
    const bool whole = PLAIN || width % Pack<T>::COUNT == 0;
    const bool packed = PLAIN || (whole && aligned(queries) && aligned(keys) && aligned(values));

    int first = first_key(settings, part.first) / KEYS * KEYS;
    const int past = past_key(settings, min(part.first + QUERIES, part.length) - 1, part.length);
    const auto load_keys = [&](T *tile, int from) {
        load_tile<T, WIDTH, STRIDE, THREADS, KEYS>(tile, keys, key_width, width, packed, part.start + from,
                                                   part.length - from);
        load_tile<T, WIDTH, STRIDE, THREADS, KEYS>(tile + KEYS * STRIDE, values, key_width, width, packed,
                                                   part.start + from, part.length - from);
    };
    load_tile<T, WIDTH, STRIDE, THREADS, QUERIES>(query_tile, queries, query_width, width, packed, part.start + part.first,
                                                  part.length - part.first);
    load_keys(tiles, first);

    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const int first_query = part.first + warp * 16, last_query = min(first_query + 15, part.length - 1);
    const bool busy = first_query < part.length;
    // Rows beyond the text are computed as its last one, and never written.
    const int own_queries[2] = {min(first_query + lane / 4, part.length - 1),
                                min(first_query + lane / 4 + 8, part.length - 1)};
    // What the softmax's powers of two take scores by.
    const float factor = PLAIN ? settings.scale * LOG2_E : LOG2_E;
    // Where lanes find their rows of four matrices of 8 by 8: side by side in the first row of two, or below each other.
    const int across = (lane / 16 * 8 + lane % 8) * STRIDE + lane / 8 % 2 * 8;
    const int below = lane % 16 * STRIDE + lane / 16 * 8;

    wait_for_copies();
    __syncthreads();
    uint32_t query_parts[STEPS][4];
#pragma unroll
    for (int i = 0; i < STEPS; ++i) load_matrices(query_parts[i], query_tile + warp * 16 * STRIDE + i * 16 + below);

    float result[2 * STEPS][4] = {};
    float largest[2] = {-INFINITY, -INFINITY}, sum[2] = {};
    for (int turn = 0; first < past; first += KEYS, turn ^= 1) {
        wait_for_copies();
        // All see these keys, and nobody reads the queries or the keys before any more.
        __syncthreads();
        const T *key_tile = tiles + turn * (2 * KEYS * STRIDE), *value_tile = key_tile + KEYS * STRIDE;
        if (first + KEYS < past) load_keys(tiles + (turn ^ 1) * (2 * KEYS * STRIDE), first + KEYS);
        // Whether these keys are read by any of the warp's queries: what is skipped would be weights of 0.
        const bool read = busy && first < past_key(settings, last_query, part.length) &&
                          first + KEYS > first_key(settings, first_query);
        if (!read) continue;

        float scores[KEYS / 8][4] = {};
#pragma unroll
        for (int i = 0; i < STEPS; ++i)
#pragma unroll
            for (int j = 0; j < KEYS / 16; ++j) {
                uint32_t parts[4];
                load_matrices(parts, key_tile + j * 16 * STRIDE + i * 16 + across);
                multiply_add<T>(scores[2 * j], query_parts[i], parts[0], parts[1]);
                multiply_add<T>(scores[2 * j + 1], query_parts[i], parts[2], parts[3]);
            }
        if constexpr (!PLAIN) {
            const Biases biases{by_key, by_distance, query_products, key_products, distance_rows};
#pragma unroll
            for (int j = 0; j < KEYS / 8; ++j)
#pragma unroll
                for (int k = 0; k < 4; ++k) {
                    const int key = min(first + j * 8 + lane % 4 * 2 + k % 2, part.length - 1);
                    scores[j][k] = finished(settings, biases, part, rows, own_queries[k / 2], key, scores[j][k]);
                }
        }
        // Whether all of the warp's queries read all of these keys.
        const bool all = first >= first_key(settings, last_query) &&
                         first + KEYS <= past_key(settings, first_query, part.length);
        if (!all) {
#pragma unroll
            for (int k = 0; k < 4; ++k) {
                const int query = own_queries[k / 2], column = first + lane % 4 * 2 + k % 2;
                const int low = first_key(settings, query) - column;
                const int high = past_key(settings, query, part.length) - column;
#pragma unroll
                for (int j = 0; j < KEYS / 8; ++j)
                    if (j * 8 < low || j * 8 >= high) scores[j][k] = -INFINITY;
            }
        }

        float change[2];
#pragma unroll
        for (int row = 0; row < 2; ++row) {
            float most = largest[row];
#pragma unroll
            for (int j = 0; j < KEYS / 8; ++j) most = fmaxf(most, fmaxf(scores[j][2 * row], scores[j][2 * row + 1]));
            most = fmaxf(most, __shfl_xor_sync(WARP, most, 1));
            most = fmaxf(most, __shfl_xor_sync(WARP, most, 2));
            // Until a query has read a key, nothing is scaled.
            const float base = most == -INFINITY ? 0.0f : most * factor;
            change[row] = power_of_two(fmaf(largest[row], factor, -base));
            sum[row] *= change[row];
            largest[row] = most;
#pragma unroll
            for (int j = 0; j < KEYS / 8; ++j)
#pragma unroll
                for (int k = 2 * row; k < 2 * row + 2; ++k) {
                    scores[j][k] = power_of_two(fmaf(scores[j][k], factor, -base));
                    sum[row] += scores[j][k];
                }
        }
        // Mostly the largest score is not among these.
        if (__any_sync(WARP, change[0] != 1.0f || change[1] != 1.0f)) {
#pragma unroll
            for (int i = 0; i < 2 * STEPS; ++i)
#pragma unroll
                for (int k = 0; k < 4; ++k) result[i][k] *= change[k / 2];
        }
#pragma unroll
        for (int j = 0; j < KEYS / 16; ++j) {
            const uint32_t weights[4] = {
                narrow_pair<T>(scores[2 * j][0], scores[2 * j][1]), narrow_pair<T>(scores[2 * j][2], scores[2 * j][3]),
                narrow_pair<T>(scores[2 * j + 1][0], scores[2 * j + 1][1]),
                narrow_pair<T>(scores[2 * j + 1][2], scores[2 * j + 1][3])};
#pragma unroll
            for (int i = 0; i < STEPS; ++i) {
                uint32_t parts[4];
                load_transposed_matrices(parts, value_tile + j * 16 * STRIDE + i * 16 + below);
                multiply_add<T>(result[2 * i], weights, parts[0], parts[1]);
                multiply_add<T>(result[2 * i + 1], weights, parts[2], parts[3]);
            }
        }
    }

    if (!busy) return;
    const bool context_packed = PLAIN || (whole && aligned(context));
#pragma unroll
    for (int row = 0; row < 2; ++row) {
        // Each of four lanes has added the weights of its columns.
        sum[row] += __shfl_xor_sync(WARP, sum[row], 1);
        sum[row] += __shfl_xor_sync(WARP, sum[row], 2);
        const float inverse = 1.0f / sum[row];
        // A lane has two columns of each of four packs, and then all of one.
        Words packs[WIDTH / 32];
#pragma unroll
        for (int i = 0; i < WIDTH / 32; ++i) {
#pragma unroll
            for (int j = 0; j < 4; ++j)
                packs[i].words[j] = narrow_pair<T>(result[4 * i + j][2 * row] * inverse,
                                                   result[4 * i + j][2 * row + 1] * inverse);
            transpose(packs[i].words, lane);
        }
        const int query = first_query + lane / 4 + 8 * row;
        if (query >= part.length) continue;
        T *to = context + (int64_t)(part.start + query) * query_width;
        if (context_packed) {
#pragma unroll
            for (int i = 0; i < WIDTH / 32; ++i) {
                const int column = (4 * i + lane % 4) * 8;
                if (column < width) *reinterpret_cast<Words *>(to + column) = packs[i];
            }
        } else {
#pragma unroll
            for (int i = 0; i < WIDTH / 32; ++i)
#pragma unroll
                for (int j = 0; j < 8; ++j) {
                    const int column = (4 * i + lane % 4) * 8 + j;
                    if (column < width) to[column] = one_of<T>(packs[i].words[j / 2], j % 2);
                }
        }
    }
}

// Warps and keys at a time, so that tiles fit into the shared memory that every device gives a block; BLOCKS of them are to
// have registers on a multiprocessor.
#define DEFINE_ONE(name, width, warps, key_count, plain, blocks, T)                                                        \
    extern "C" __global__ void __launch_bounds__(32 * warps, blocks) name(ATTENTION_PARAMETERS(T)) {                       \
        attention<T, width, warps, key_count, plain>(ATTENTION_ARGUMENTS);                                                 \
    }
#define DEFINE(width, queries, key_count, blocks)                                                                          \
    DEFINE_ONE(attention_##width##_##queries##_plain_bf16, width, queries / 16, key_count, true, blocks, bf16)             \
    DEFINE_ONE(attention_##width##_##queries##_plain_f16, width, queries / 16, key_count, true, blocks, f16)               \
    DEFINE_ONE(attention_##width##_##queries##_bf16, width, queries / 16, key_count, false, 1, bf16)                       \
    DEFINE_ONE(attention_##width##_##queries##_f16, width, queries / 16, key_count, false, 1, f16)

DEFINE(64, 32, 32, 10)
DEFINE(64, 64, 32, 5)
DEFINE(128, 32, 32, 6)
DEFINE(128, 64, 32, 3)
DEFINE(256, 32, 16, 2)
