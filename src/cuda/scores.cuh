// What both kernels of attention read beside queries, keys and values, and what becomes of a raw score.
#pragma once
#include "common.cuh"

// Which part of the work a block has: a row of the list of work, 64 queries of one text, and a head. Kernels that take
// fewer queries at a time share such a row by `blockIdx.z`.
struct Part {
    int start;  // The first row of the text.
    int length; // Its tokens.
    int first;  // The position of the first query.
    int head;   // The head of queries.

    __device__ __forceinline__ Part(const int *list, int first_head, int queries) {
        const int *work = list + 4 * blockIdx.x;
        start = work[0];
        length = work[1];
        first = work[2] + blockIdx.z * queries;
        head = first_head + blockIdx.y;
    }
};

struct Settings {
    int heads;      // Heads of queries.
    int group;      // Heads of queries that read one head of keys.
    int head_width; // Columns of a head.
    int causal;     // Whether a query reads only keys up to its own position.
    int window;     // A query reads only keys whose distance is less than this; 0 where there is no window.
    int longest;    // Tokens of the longest text.
    int table_rows; // Rows of the table that contents are compared with.
    float scale;    // What raw scores are multiplied by.
    float soft_cap; // Scores s become cap tanh(s / cap); 0 where they do not.
};

// What positions and distances add. Each of them may be absent.
struct Biases {
    const float *by_key;           // (heads, longest): added to the scaled score of the key at each position.
    const float *by_distance;      // (heads, 2 longest - 1): by the key's position minus the query's, from 1 - longest on.
    const float *query_products;   // (heads of this launch, rows, table_rows): added to the raw score.
    const float *key_products;     // The same for keys.
    const uint32_t *distance_rows; // 2 longest - 1: the table's row by the query's position minus the key's.
};

// The keys that the query at a position reads.
__device__ __forceinline__ int first_key(const Settings &settings, int query) {
    return settings.window > 0 && query + 1 > settings.window ? query + 1 - settings.window : 0;
}

__device__ __forceinline__ int past_key(const Settings &settings, int query, int length) {
    if (settings.causal) return query + 1;
    return settings.window > 0 && settings.window < length - query ? query + settings.window : length;
}

// What the softmax reads: minus infinity where the query does not read the key. `rows` are those of all texts.
__device__ __forceinline__ float finished(const Settings &settings, const Biases &biases, const Part &part, int64_t rows,
                                          int query, int key, float score) {
    if (key < first_key(settings, query) || key >= past_key(settings, query, part.length)) return -INFINITY;
    if (biases.distance_rows != nullptr) {
        const int64_t row = biases.distance_rows[settings.longest - 1 + query - key];
        const int64_t head = (int64_t)blockIdx.y * rows + part.start;
        if (biases.query_products != nullptr) score += biases.query_products[(head + query) * settings.table_rows + row];
        if (biases.key_products != nullptr) score += biases.key_products[(head + key) * settings.table_rows + row];
    }
    score *= settings.scale;
    if (settings.soft_cap > 0.0f) score = tanhf(score / settings.soft_cap) * settings.soft_cap;
    if (biases.by_key != nullptr) score += biases.by_key[(int64_t)part.head * settings.longest + key];
    if (biases.by_distance != nullptr)
        score += biases.by_distance[(int64_t)part.head * (2 * settings.longest - 1) + settings.longest - 1 + key - query];
    return score;
}

// Copies a head's columns of some rows of a text, from position `first` on, to shared memory. What is beyond the text, or
// beyond the head's columns up to WIDTH, becomes 0.
template <class T, int WIDTH, int STRIDE>
__device__ __forceinline__ void load_tile(T *tile, int rows, const T *source, int64_t row_width, int head_width, int first,
                                          int length) {
    constexpr int SIZE = Pack<T>::COUNT;
    const bool packed = head_width % SIZE == 0 && aligned(source);
    for (int index = threadIdx.x; index < rows * (WIDTH / SIZE); index += blockDim.x) {
        const int row = index / (WIDTH / SIZE), column = index % (WIDTH / SIZE) * SIZE;
        const T *from = source + (int64_t)(first + row) * row_width + column;
        Pack<T> pack;
        if (first + row < length && packed && column < head_width) {
            pack = *reinterpret_cast<const Pack<T> *>(from);
        } else {
#pragma unroll
            for (int i = 0; i < SIZE; ++i) {
                const bool inside = first + row < length && column + i < head_width;
                pack.values[i] = inside ? from[i] : narrow<T>(0.0f);
            }
        }
        *reinterpret_cast<Pack<T> *>(tile + row * STRIDE + column) = pack;
    }
}

#define ATTENTION_PARAMETERS(T)                                                                                            \
    const T *queries, const T *keys, const T *values, T *context, const int *work, int64_t rows, int first_head,           \
        Settings settings, const float *by_key, const float *by_distance, const float *query_products,                     \
        const float *key_products, const uint32_t *distance_rows

#define ATTENTION_ARGUMENTS                                                                                                \
    queries, keys, values, context, work, rows, first_head, settings, by_key, by_distance, query_products, key_products,   \
        distance_rows
