// What both kernels of attention read beside queries, keys and values, and what becomes of a raw score.
#pragma once
#include "common.cuh"

// Which part of the work a block has: a row of the list of work, some queries of one text, and a head. Kernels that take
// fewer queries at a time than the list share such a row. A grid has the heads of a part one after the other, as they lie in
// memory, and the parts in its other two directions.
struct Part {
    bool there; // Whether the list has it.
    int place;  // The head's place among those of this launch.
    int head;   // The head of queries.
    int start;  // The first row of the text.
    int length; // Its tokens.
    int first;  // The position of the first query.

    __device__ __forceinline__ Part(const int *list, int parts, int first_head, int queries, int shares) {
        const int index = blockIdx.z * gridDim.y + blockIdx.y;
        there = index < parts;
        place = blockIdx.x / shares;
        head = first_head + place;
        const int4 work = there ? reinterpret_cast<const int4 *>(list)[index] : int4();
        start = work.x;
        length = work.y;
        first = work.z + blockIdx.x % shares * queries;
    }
};

struct Settings {
    int heads;      // Heads of queries.
    int key_heads;  // Heads of keys and of values.
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

// Whether a query reads a key.
__device__ __forceinline__ bool reads(const Settings &settings, const Part &part, int query, int key) {
    return key >= first_key(settings, query) && key < past_key(settings, query, part.length);
}

// What becomes of the raw score of a query and a key, both of the text. `rows` are those of all texts.
__device__ __forceinline__ float finished(const Settings &settings, const Biases &biases, const Part &part, int64_t rows,
                                          int query, int key, float score) {
    if (biases.distance_rows != nullptr) {
        const int64_t row = biases.distance_rows[settings.longest - 1 + query - key];
        const int64_t head = (int64_t)part.place * rows + part.start;
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

#define ATTENTION_PARAMETERS(T)                                                                                            \
    const T *queries, const T *keys, const T *values, T *context, const int *work, int64_t rows, int first_head,           \
        int part_count, Settings settings, const float *by_key, const float *by_distance, const float *query_products,     \
        const float *key_products, const uint32_t *distance_rows

#define ATTENTION_ARGUMENTS                                                                                                \
    queries, keys, values, context, work, rows, first_head, part_count, settings, by_key, by_distance, query_products,     \
        key_products, distance_rows
