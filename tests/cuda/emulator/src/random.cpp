// cuRAND: reproducible numbers from a seed and a position, not those of the real library.
#include "emulator.h"

#include <cmath>
#include <set>

namespace emulator {
namespace {

// Statuses of cuRAND.
constexpr int fine = 0, not_created = 101, odd_length = 105, failed_launch = 201;

struct Generator {
    std::uint64_t seed, position;
    void *stream;
};

std::set<Generator *> generators;

std::uint64_t mix(std::uint64_t x) {
    x += 0x9e3779b97f4a7c15ull;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

// Uniform in (0, 1], as the real library has it.
double uniform(std::uint64_t seed, std::uint64_t at) {
    return (static_cast<double>(mix(mix(seed) + at) >> 12) + 1.0) * 0x1p-52;
}

double normal(std::uint64_t seed, std::uint64_t at) {
    double radius = std::sqrt(-2.0 * std::log(uniform(seed, at & ~1ull)));
    double angle = 6.283185307179586 * uniform(seed, at | 1ull);
    return radius * ((at & 1ull) == 0 ? std::cos(angle) : std::sin(angle));
}

template <typename T> int generate(void *handle, T *to, std::size_t count, bool pairs, const std::function<double(std::uint64_t, std::uint64_t)> &value) {
    Lock held = lock();
    Generator *one = static_cast<Generator *>(handle);
    if (generators.count(one) == 0) {
        return not_created;
    }
    if (pairs && count % 2 != 0) {
        return odd_length;
    }
    Status status = success;
    std::shared_ptr<Stream> stream = own_stream_of(one->stream, status);
    if (stream == nullptr) {
        return failed_launch;
    }
    std::uint64_t seed = one->seed, first = one->position;
    one->position += count + (count & 1);
    Device *device = stream->device;
    status = enqueue(stream, "random numbers", [=] {
        T *target = static_cast<T *>(memory(reinterpret_cast<std::uint64_t>(to), count * sizeof(T), device, "random numbers"));
        if (target == nullptr) {
            return illegal_address;
        }
        for (std::size_t i = 0; i < count; ++i) {
            target[i] = static_cast<T>(value(seed, first + i));
        }
        return success;
    });
    return status == success ? fine : failed_launch;
}

} // namespace
} // namespace emulator

using namespace emulator;

EXPORT int curandCreateGenerator(void **handle, int) {
    Lock held = lock();
    Generator *made = new Generator{0, 0, nullptr};
    generators.insert(made);
    live.handles += 1;
    *handle = made;
    return fine;
}
EXPORT int curandDestroyGenerator(void *handle) {
    Lock held = lock();
    Generator *one = static_cast<Generator *>(handle);
    if (generators.erase(one) == 0) {
        return not_created;
    }
    delete one;
    live.handles -= 1;
    return fine;
}
EXPORT int curandSetStream(void *handle, void *stream) {
    static_cast<Generator *>(handle)->stream = stream;
    return fine;
}
EXPORT int curandSetPseudoRandomGeneratorSeed(void *handle, unsigned long long seed) {
    Lock held = lock();
    static_cast<Generator *>(handle)->seed = seed;
    static_cast<Generator *>(handle)->position = 0;
    return fine;
}
EXPORT int curandSetGeneratorOffset(void *handle, unsigned long long offset) {
    Lock held = lock();
    static_cast<Generator *>(handle)->position = offset;
    return fine;
}
EXPORT int curandGenerateUniform(void *handle, float *to, std::size_t count) { return generate(handle, to, count, false, uniform); }
EXPORT int curandGenerateUniformDouble(void *handle, double *to, std::size_t count) { return generate(handle, to, count, false, uniform); }
EXPORT int curandGenerateNormal(void *handle, float *to, std::size_t count, float mean, float deviation) {
    return generate(handle, to, count, true, [=](std::uint64_t seed, std::uint64_t at) {
        return static_cast<double>(mean) + static_cast<double>(deviation) * normal(seed, at);
    });
}
EXPORT int curandGenerateNormalDouble(void *handle, double *to, std::size_t count, double mean, double deviation) {
    return generate(handle, to, count, true, [=](std::uint64_t seed, std::uint64_t at) { return mean + deviation * normal(seed, at); });
}
EXPORT int curandGetVersion(int *version) {
    *version = 10400;
    return fine;
}
