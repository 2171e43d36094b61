// Pooling: the rows of the tokens of a unit become one row, in the order of their positions and in f32, as
// `Aggregation::reduce` does on the processor: for rows of f32 the same bits.

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <stdint.h>

// The numbers of `Aggregation`.
#define MEAN 1
#define SUM 2
#define MAX 3
#define MIN 4
#define SIGNED_MAX 5
#define LAST 7

// The threads of a block.
#define THREADS 256

static __device__ inline float widened(float value) { return value; }
static __device__ inline float widened(__half value) { return __half2float(value); }
static __device__ inline float widened(__nv_bfloat16 value) { return __bfloat162float(value); }

// A block makes the row of a unit, whose tokens are rows members[starts[unit]] ... of `rows`; it is row targets[unit] of
// `out`. not_finite[unit] becomes the first column whose value is not finite, or `width`.
template <typename T>
static __device__ inline void pool(const T *rows, const uint32_t *members, const uint32_t *starts,
                                   const uint32_t *targets, float *out, uint32_t *not_finite, uint32_t width,
                                   uint32_t aggregation) {
  __shared__ uint32_t columns[THREADS];
  const uint32_t unit = blockIdx.x;
  const uint32_t begin = starts[unit], end = starts[unit + 1];
  float *target = out + (size_t)targets[unit] * width;
  uint32_t bad = width;
  for (uint32_t column = threadIdx.x; column < width; column += THREADS) {
    float value = 0.0f;
    if (begin < end) {
      const uint32_t first = aggregation == LAST ? end - 1 : begin;
      value = widened(rows[(size_t)members[first] * width + column]);
    }
    if (aggregation <= SIGNED_MAX) {
      for (uint32_t member = begin + 1; member < end; ++member) {
        const float next = widened(rows[(size_t)members[member] * width + column]);
        switch (aggregation) {
        case MEAN:
        case SUM:
          value = value + next;
          break;
        // Not a number stays, as in PyTorch: it must not be hidden.
        case MAX:
          value = next > value || next != next ? next : value;
          break;
        case MIN:
          value = next < value || next != next ? next : value;
          break;
        // Strictly larger, so that the first of equal magnitudes stays.
        default:
          value = fabsf(next) > fabsf(value) ? next : value;
        }
      }
    }
    if (aggregation == MEAN && begin < end) {
      value = value / (float)(end - begin);
    }
    target[column] = value;
    // The difference is not a number for one that is infinite or not a number.
    if (!(value - value == 0.0f) && column < bad) {
      bad = column;
    }
  }
  columns[threadIdx.x] = bad;
  __syncthreads();
  for (uint32_t half = THREADS / 2; half > 0; half /= 2) {
    if (threadIdx.x < half && columns[threadIdx.x + half] < columns[threadIdx.x]) {
      columns[threadIdx.x] = columns[threadIdx.x + half];
    }
    __syncthreads();
  }
  if (threadIdx.x == 0) {
    not_finite[unit] = columns[0];
  }
}

#define POOL(NAME, T)                                                                                               \
  extern "C" __global__ void NAME(const T *rows, const uint32_t *members, const uint32_t *starts,                   \
                                  const uint32_t *targets, float *out, uint32_t *not_finite, uint32_t width,        \
                                  uint32_t aggregation) {                                                           \
    pool(rows, members, starts, targets, out, not_finite, width, aggregation);                                      \
  }

POOL(pool_f32, float)
POOL(pool_f16, __half)
POOL(pool_bf16, __nv_bfloat16)
