// Tests of the emulated device through the driver's own entry points: that it computes, and that it refuses what a device refuses.
//
//     tests/cuda/emulator/test.sh OUT
//
// Each case is a process of its own, because a failed kernel leaves its device unusable.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <immintrin.h>
#include <map>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

using Pointer = std::uint64_t;

extern "C" {
int cuInit(unsigned int);
int cuDeviceGetCount(int *);
int cuDevicePrimaryCtxRetain(void **, int);
int cuDevicePrimaryCtxRelease_v2(int);
int cuCtxSetCurrent(void *);
int cuCtxSynchronize();
int cuMemAlloc_v2(Pointer *, std::size_t);
int cuMemFree_v2(Pointer);
int cuMemAllocAsync(Pointer *, std::size_t, void *);
int cuMemFreeAsync(Pointer, void *);
int cuMemGetInfo_v2(std::size_t *, std::size_t *);
int cuMemHostAlloc(void **, std::size_t, unsigned int);
int cuMemFreeHost(void *);
int cuMemcpyHtoDAsync_v2(Pointer, const void *, std::size_t, void *);
int cuMemcpyDtoHAsync_v2(void *, Pointer, std::size_t, void *);
int cuMemcpyDtoDAsync_v2(Pointer, Pointer, std::size_t, void *);
int cuMemsetD8Async(Pointer, unsigned char, std::size_t, void *);
int cuStreamCreate(void **, unsigned int);
int cuStreamDestroy_v2(void *);
int cuStreamSynchronize(void *);
int cuStreamWaitEvent(void *, void *, unsigned int);
int cuEventCreate(void **, unsigned int);
int cuEventDestroy_v2(void *);
int cuEventRecord(void *, void *);
int cuEventQuery(void *);
int cuEventSynchronize(void *);
int cuModuleLoadData(void **, const void *);
int cuModuleUnload(void *);
int cuModuleGetFunction(void **, void *, const char *);
int cuFuncSetAttribute(void *, int, int);
int cuLaunchKernel(void *, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int, void *, void **,
                   void **);
int cublasCreate_v2(void **);
int cublasDestroy_v2(void *);
int cublasSetStream_v2(void *, void *);
int cublasSgemm_v2(void *, int, int, int, int, int, const float *, const float *, int, const float *, int, const float *, float *, int);
int cublasGemmEx(void *, int, int, int, int, int, const void *, const void *, int, int, const void *, int, int, const void *, void *, int, int,
                 int, int);
int cublasLtCreate(void **);
int cublasLtDestroy(void *);
int cublasLtMatmulDescCreate(void **, int, int);
int cublasLtMatmulDescSetAttribute(void *, int, const void *, std::size_t);
int cublasLtMatmulDescDestroy(void *);
int cublasLtMatrixLayoutCreate(void **, int, std::uint64_t, std::uint64_t, std::int64_t);
int cublasLtMatrixLayoutDestroy(void *);
int cublasLtMatmulPreferenceCreate(void **);
int cublasLtMatmulPreferenceSetAttribute(void *, int, const void *, std::size_t);
int cublasLtMatmulPreferenceDestroy(void *);
int cublasLtMatmulAlgoGetHeuristic(void *, void *, void *, void *, void *, void *, void *, int, void *, int *);
int cublasLtMatmul(void *, void *, const void *, const void *, void *, const void *, void *, const void *, const void *, void *, void *, void *,
                   const void *, void *, std::size_t, void *);
void eidos_emulator_live(std::uint64_t *);
void eidos_emulator_last_error(char *, std::size_t);
void eidos_emulator_fail_allocation(std::uint64_t, int);
}

namespace {

[[noreturn]] void give_up(int line, const std::string &what) {
    char text[1024];
    eidos_emulator_last_error(text, sizeof text);
    std::fprintf(stderr, "line %d: %s; the emulator last said: %s\n", line, what.c_str(), text);
    std::_Exit(1);
}
#define CHECK(condition)                                                                                                          \
    do {                                                                                                                          \
        if (!(condition)) {                                                                                                       \
            give_up(__LINE__, #condition);                                                                                        \
        }                                                                                                                         \
    } while (false)
#define IS(status, call)                                                                                                          \
    do {                                                                                                                          \
        int is_ = (call);                                                                                                         \
        if (is_ != (status)) {                                                                                                    \
            give_up(__LINE__, #call " is " + std::to_string(is_) + ", not " #status);                                             \
        }                                                                                                                         \
    } while (false)
#define OK(call) IS(0, call)

constexpr int invalid = 1, no_room = 2, no_context = 201, not_ready = 600, illegal_address = 700, asserted = 710, misaligned = 716, launch_failed = 719;

bool said(const char *part) {
    char text[1024];
    eidos_emulator_last_error(text, sizeof text);
    return std::strstr(text, part) != nullptr;
}

// A device with a stream and the kernels of faults.cu.
struct Session {
    void *context = nullptr, *stream = nullptr, *module = nullptr;

    explicit Session(int ordinal = 0) {
        OK(cuInit(0));
        OK(cuDevicePrimaryCtxRetain(&context, ordinal));
        OK(cuCtxSetCurrent(context));
        OK(cuStreamCreate(&stream, 1));
        OK(cuModuleLoadData(&module, "// no names\n"));
    }
    Pointer room(std::size_t bytes) const {
        Pointer pointer = 0;
        OK(cuMemAllocAsync(&pointer, bytes, stream));
        return pointer;
    }
    template <typename T> Pointer upload(const std::vector<T> &values) const {
        Pointer pointer = room(values.size() * sizeof(T));
        OK(cuMemcpyHtoDAsync_v2(pointer, values.data(), values.size() * sizeof(T), stream));
        return pointer;
    }
    template <typename T> std::vector<T> download(Pointer from, std::size_t count) const {
        std::vector<T> values(count);
        OK(cuMemcpyDtoHAsync_v2(values.data(), from, count * sizeof(T), stream));
        return values;
    }
    template <typename... A> int launch(const char *name, unsigned int blocks, unsigned int threads, unsigned int shared, A... arguments) const {
        void *function = nullptr;
        OK(cuModuleGetFunction(&function, module, name));
        void *all[] = {&arguments..., nullptr};
        return cuLaunchKernel(function, blocks, 1, 1, threads, 1, 1, shared, stream, all, nullptr);
    }
    int finish() const { return cuStreamSynchronize(stream); }
};

std::vector<float> counting(std::size_t count) {
    std::vector<float> values(count);
    for (std::size_t i = 0; i < count; ++i) {
        values[i] = static_cast<float>(i % 37) - 11.0f;
    }
    return values;
}

// A kernel that must end with a status and a text, and leave the device with that status.
void fails(const std::function<int(const Session &)> &start, int status, const char *text) {
    Session session;
    OK(start(session));
    IS(status, session.finish());
    CHECK(said(text));
    IS(status, session.finish());
    Pointer pointer = 0;
    IS(status, cuMemAllocAsync(&pointer, 4, session.stream));
}

void kernels_compute() {
    Session session;
    std::vector<float> values = counting(1024);
    Pointer in = session.upload(values), out = session.room(8 * 4);
    OK(session.launch("emulator_sum", 8, 128, 0, in, out, 1));
    std::vector<float> sums = session.download<float>(out, 8);
    OK(session.launch("emulator_warp_sum", 8, 128, 64, in, out));
    std::vector<float> same = session.download<float>(out, 8);
    for (std::size_t block = 0; block < 8; ++block) {
        float expected = 0.0f;
        for (std::size_t i = 0; i < 128; ++i) {
            expected += values[block * 128 + i];
        }
        CHECK(sums[block] == expected && same[block] == expected);
    }
    OK(session.launch("emulator_votes", 1, 32, 0, out));
    std::vector<std::uint32_t> votes = session.download<std::uint32_t>(out, 4);
    CHECK(votes[0] == 0xaaaaaaaau && votes[1] == 2 && votes[2] == 19 && votes[3] == 16);
}

void shared_memory_is_limited() {
    Session session;
    Pointer some = session.room(4096);
    IS(invalid, session.launch("emulator_warp_sum", 1, 128, 64 << 10, some, some));
    void *function = nullptr;
    OK(cuModuleGetFunction(&function, session.module, "emulator_warp_sum"));
    OK(cuFuncSetAttribute(function, 8, 64 << 10));
    OK(session.launch("emulator_warp_sum", 1, 128, 64 << 10, some, some));
    IS(invalid, session.launch("emulator_warp_sum", 1, 1025, 0, some, some));
    IS(invalid, session.launch("emulator_warp_sum", 0, 32, 0, some, some));
    OK(session.finish());
}

void numbers_round_as_on_a_device() {
    Session session;
    std::vector<double> twice;
    std::uint64_t state = 1;
    for (int i = 0; i < 20000; ++i) {
        state = state * 6364136223846793005ull + 1442695040888963407ull;
        std::uint32_t bits = static_cast<std::uint32_t>(state >> 32);
        float single;
        std::memcpy(&single, &bits, 4);
        // Numbers of every size, and those near the middle between two values of 16 bits.
        twice.push_back(i % 2 == 0 ? std::ldexp(static_cast<double>(state >> 40), static_cast<int>(state % 45) - 50)
                                   : static_cast<double>(single));
        twice.push_back(std::ldexp(2049.0, static_cast<int>(state % 30) - 26) * (1.0 + (i % 3 - 1) * 0x1p-50));
    }
    std::vector<float> singles(twice.begin(), twice.end());
    int count = static_cast<int>(twice.size());
    Pointer in = session.upload(twice), single = session.upload(singles);
    Pointer halves = session.room(twice.size() * 6), bfloats = session.room(twice.size() * 4);
    OK(session.launch("emulator_round", 1, 64, 0, in, single, halves, bfloats, count));
    std::vector<std::uint16_t> h = session.download<std::uint16_t>(halves, twice.size() * 3), b = session.download<std::uint16_t>(bfloats, twice.size() * 2);
    // The nearest of all values of a type, ties to the even one, found by looking.
    auto half_of = [](double value) {
        double size = std::fabs(value);
        std::uint16_t sign = std::signbit(value) ? 0x8000 : 0;
        if (value != value) {
            return static_cast<std::uint16_t>(0x7fff);
        }
        int exponent = size < 0x1p-14 ? -14 : std::ilogb(size);
        double units = std::nearbyint(std::ldexp(size, 10 - exponent));
        double rounded = std::ldexp(units, exponent - 10);
        return static_cast<std::uint16_t>(sign | (rounded > 65504.0 ? 0x7c00 : static_cast<unsigned int>(_cvtss_sh(static_cast<float>(rounded), 0))));
    };
    auto bfloat_of = [](double value) {
        if (value != value) {
            return static_cast<std::uint16_t>(0x7fff);
        }
        double size = std::fabs(value);
        int exponent = size < 0x1p-126 ? -126 : std::ilogb(size);
        float rounded = static_cast<float>(std::copysign(std::ldexp(std::nearbyint(std::ldexp(size, 7 - exponent)), exponent - 7), value));
        std::uint32_t bits;
        std::memcpy(&bits, &rounded, 4);
        return static_cast<std::uint16_t>(bits >> 16);
    };
    auto widened = [](std::uint16_t half) { return static_cast<long double>(_cvtsh_ss(half)); };
    for (std::size_t i = 0; i < twice.size(); ++i) {
        CHECK(h[3 * i] == half_of(twice[i]));
        CHECK(h[3 * i + 1] == half_of(static_cast<double>(singles[i])));
        CHECK(b[2 * i] == bfloat_of(twice[i]));
        CHECK(b[2 * i + 1] == bfloat_of(static_cast<double>(singles[i])));
        // All of a product and sum of two halves fits in long double, but for pairs that are too far apart to matter.
        long double exact = widened(half_of(static_cast<double>(singles[i]))) * 1.5L + widened(half_of(static_cast<double>(singles[(i + 1) % twice.size()])));
        double near = static_cast<double>(exact);
        if (near == near && std::fabs(near) < 65000.0 && static_cast<long double>(near) == exact) {
            CHECK(h[3 * i + 2] == half_of(near));
        }
    }
}

void tiles_multiply() {
    Session session;
    std::vector<std::uint16_t> a(256), b(256), a16(256), b16(256);
    std::vector<float> af(256), bf(256);
    for (int i = 0; i < 256; ++i) {
        af[static_cast<std::size_t>(i)] = static_cast<float>(i % 13 - 6) / 4.0f;
        bf[static_cast<std::size_t>(i)] = static_cast<float>(i % 7 - 3) / 2.0f;
    }
    for (std::size_t i = 0; i < 256; ++i) {
        std::uint32_t bits;
        std::memcpy(&bits, &af[i], 4);
        a[i] = static_cast<std::uint16_t>(bits >> 16);
        std::memcpy(&bits, &bf[i], 4);
        b[i] = static_cast<std::uint16_t>(bits >> 16);
        a16[i] = static_cast<std::uint16_t>(_cvtss_sh(af[i], 0));
        b16[i] = static_cast<std::uint16_t>(_cvtss_sh(bf[i], 0));
    }
    Pointer out = session.room(1024), x = session.upload(a), y = session.upload(b), x16 = session.upload(a16), y16 = session.upload(b16);
    const auto tile = [&](bool half, unsigned int lanes, int by_rows, int waits) {
        return half ? session.launch("emulator_tile_f16", 1, lanes, 1024, x16, y16, out, by_rows, waits)
                    : session.launch("emulator_tile_bf16", 1, lanes, 1024, x, y, out, by_rows, waits);
    };
    for (int way = 0; way < 4; ++way) {
        const bool by_rows = way % 2 == 1;
        OK(tile(way / 2 == 1, 32, by_rows, 1));
        std::vector<float> c = session.download<float>(out, 256);
        for (std::size_t row = 0; row < 16; ++row) {
            for (std::size_t column = 0; column < 16; ++column) {
                float sum = 1.0f;
                for (std::size_t k = 0; k < 16; ++k) {
                    sum += af[row * 16 + k] * bf[by_rows ? k * 16 + column : column * 16 + k];
                }
                CHECK(c[row * 16 + column] == sum);
            }
        }
    }
    // Who does not wait for a copy reads what nobody wrote.
    OK(tile(false, 32, 0, 0));
    std::vector<float> unwritten = session.download<float>(out, 256);
    CHECK(unwritten[0] != unwritten[0]);
    IS(0, tile(true, 16, 0, 1));
    IS(launch_failed, session.finish());
}

void a_store_past_the_end() {
    fails([](const Session &s) { return s.launch("emulator_store", 1, 1, 0, s.room(1024), 5000ll); }, illegal_address, "emulator_store");
}
void a_store_just_past_the_end() {
    fails([](const Session &s) { return s.launch("emulator_store", 1, 1, 0, s.room(1000), 250ll); }, illegal_address, "just outside");
}
void a_store_before_the_start() {
    fails([](const Session &s) { return s.launch("emulator_store", 1, 1, 0, s.room(1000), -2ll); }, illegal_address, "just outside");
}
void an_access_close_to_the_end() {
    setenv("EIDOS_EMULATED_GPU_ALIGNMENT", "16", 1);
    fails([](const Session &s) { return s.launch("emulator_store", 1, 1, 0, s.room(1000), 252ll); }, illegal_address, "byte 1008 of an allocation of 1000");
}
void a_store_far_away() {
    fails([](const Session &s) { return s.launch("emulator_store", 1, 1, 0, s.room(1000), 1ll << 33); }, illegal_address, "no longer, allocated");
}
void a_null_pointer() {
    fails([](const Session &s) { return s.launch("emulator_store", 1, 1, 0, Pointer(0), 0ll); }, illegal_address, "null");
}
void a_pointer_of_the_host() {
    static float host[4];
    fails([](const Session &s) { return s.launch("emulator_store", 1, 1, 0, static_cast<float *>(host), 0ll); }, illegal_address, "no pointer of a device");
}
void memory_that_was_freed() {
    fails([](const Session &s) {
        Pointer gone = s.room(1000);
        OK(cuMemFreeAsync(gone, s.stream));
        return s.launch("emulator_store", 1, 1, 0, gone, 0ll);
    }, illegal_address, "no longer, allocated");
}
void a_misaligned_access() {
    fails([](const Session &s) { return s.launch("emulator_quads", 1, 1, 0, s.room(64) + 4, s.room(64)); }, misaligned, "misaligned");
}
void a_division_by_zero() {
    fails([](const Session &s) { return s.launch("emulator_divide", 1, 1, 0, s.upload(std::vector<int>{1, 0}), s.room(4)); }, launch_failed, "zero");
}
void a_failed_assertion() {
    fails([](const Session &s) { return s.launch("emulator_assert", 1, 32, 0, s.upload(counting(32))); }, asserted, "assertion");
}
void a_lost_thread() {
    fails([](const Session &s) { return s.launch("emulator_lost_thread", 1, 64, 0, s.room(256)); }, launch_failed, "barrier");
}
void two_barriers() {
    fails([](const Session &s) { return s.launch("emulator_two_barriers", 1, 64, 0, s.room(256)); }, launch_failed, "barrier");
}
void a_lone_shuffle() {
    fails([](const Session &s) { return s.launch("emulator_lone_shuffle", 1, 32, 0, s.room(256)); }, launch_failed, "stands still");
}
void a_lane_that_is_not_there() {
    fails([](const Session &s) { return s.launch("emulator_absent_lane", 1, 16, 0, s.room(256)); }, launch_failed, "takes no part");
}
void too_much_shared_memory() {
    fails([](const Session &s) { return s.launch("emulator_large_arrays", 1, 1, 0, s.room(4)); }, launch_failed, "shared memory");
}
void shared_memory_overrun() {
    fails([](const Session &s) { return s.launch("emulator_shared_overrun", 1, 1, 0, s.room(4), 9); }, illegal_address, "shared memory");
}

void a_missing_barrier_shows() {
    Session session;
    Pointer in = session.upload(counting(128)), out = session.room(4);
    OK(session.launch("emulator_sum", 1, 128, 0, in, out, 0));
    CHECK(std::isnan(session.download<float>(out, 1)[0]));
}

void fresh_memory_is_no_number() {
    Session session;
    CHECK(std::isnan(session.download<float>(session.room(16), 4)[3]));
}

void the_host_cannot_follow_a_pointer() {
    Session session;
    Pointer some = session.room(64);
    pid_t child = fork();
    if (child == 0) {
        std::_Exit(*reinterpret_cast<volatile unsigned char *>(some) == 0 ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

void copies_are_checked() {
    Session session;
    Pointer some = session.room(64);
    char host[128] = {};
    IS(invalid, cuMemcpyHtoDAsync_v2(some, host, 65, session.stream));
    CHECK(said("65 bytes at byte 0 of an allocation of 64"));
    IS(invalid, cuMemcpyDtoHAsync_v2(host, some + 60, 8, session.stream));
    IS(invalid, cuMemsetD8Async(some + 64, 0, 1, session.stream));
    OK(cuMemFreeAsync(some, session.stream));
    IS(invalid, cuMemFreeAsync(some, session.stream));
    OK(session.finish());
    IS(invalid, cuMemcpyDtoHAsync_v2(host, some, 8, session.stream));
    OK(session.finish());
}

void copies_to_pinned_memory_wait() {
    Session session;
    void *pinned = nullptr, *event = nullptr;
    OK(cuMemHostAlloc(&pinned, 16, 0));
    std::memset(pinned, 7, 16);
    Pointer some = session.upload(std::vector<std::uint32_t>{1, 2, 3, 4});
    OK(cuMemcpyDtoHAsync_v2(pinned, some, 16, session.stream));
    OK(cuEventCreate(&event, 2));
    OK(cuEventRecord(event, session.stream));
    CHECK(static_cast<unsigned char *>(pinned)[0] == 7);
    IS(not_ready, cuEventQuery(event));
    OK(cuEventSynchronize(event));
    CHECK(static_cast<std::uint32_t *>(pinned)[3] == 4);
    // What is copied from pinned memory is what it holds when the copy runs.
    OK(cuMemcpyHtoDAsync_v2(some, pinned, 16, session.stream));
    static_cast<std::uint32_t *>(pinned)[0] = 9;
    CHECK(session.download<std::uint32_t>(some, 1)[0] == 9);
    OK(cuMemFreeHost(pinned));
}

void streams_wait_where_they_are_told() {
    Session session;
    void *other = nullptr, *event = nullptr;
    OK(cuStreamCreate(&other, 1));
    OK(cuEventCreate(&event, 2));
    Pointer first = session.room(4), second = session.room(4);
    OK(cuMemsetD8Async(first, 1, 4, session.stream));
    OK(cuEventRecord(event, session.stream));
    std::uint32_t early = 0, late = 0;
    OK(cuMemcpyDtoHAsync_v2(&early, first, 4, other));
    CHECK(early == 0xffffffffu);
    OK(cuStreamWaitEvent(other, event, 0));
    OK(cuMemcpyDtoDAsync_v2(second, first, 4, other));
    OK(cuMemcpyDtoHAsync_v2(&late, second, 4, other));
    CHECK(late == 0x01010101u);
    OK(cuEventDestroy_v2(event));
    OK(cuStreamDestroy_v2(other));
}

void memory_is_limited() {
    setenv("EIDOS_EMULATED_GPU_BYTES", "1048576", 1);
    Session session;
    std::size_t free = 0, total = 0;
    OK(cuMemGetInfo_v2(&free, &total));
    CHECK(free == 1048576 && total == free);
    Pointer large = session.room(700000), next = 0;
    IS(no_room, cuMemAllocAsync(&next, 700000, session.stream));
    IS(no_room, cuMemAlloc_v2(&next, 2000000));
    // What was freed in order is there again, whether or not anybody synchronised.
    OK(cuMemFreeAsync(large, session.stream));
    OK(cuMemAllocAsync(&next, 700000, session.stream));
    OK(cuMemFree_v2(next));
    OK(cuMemGetInfo_v2(&free, &total));
    CHECK(free == total);
}

void an_allocation_fails_on_demand() {
    setenv("EIDOS_EMULATED_GPU_FAIL_ALLOCATION", "2", 1);
    Session session;
    session.room(16);
    Pointer none = 0;
    IS(no_room, cuMemAllocAsync(&none, 16, session.stream));
    session.room(16);
    eidos_emulator_fail_allocation(1, 1);
    IS(no_room, cuMemAllocAsync(&none, 16, session.stream));
    IS(no_room, cuMemAllocAsync(&none, 16, session.stream));
    eidos_emulator_fail_allocation(0, 0);
    session.room(16);
}

void devices_are_apart() {
    setenv("EIDOS_EMULATED_GPUS", "2", 1);
    Session one(0), two(1);
    int count = 0;
    OK(cuDeviceGetCount(&count));
    CHECK(count == 2);
    Pointer of_two = two.room(64);
    OK(cuCtxSetCurrent(one.context));
    IS(invalid, cuMemsetD8Async(of_two, 0, 4, one.stream));
    IS(400, two.launch("emulator_store", 1, 1, 0, of_two, 0ll));
    OK(cuStreamSynchronize(two.stream));
    OK(one.launch("emulator_store", 1, 1, 0, of_two, 0ll));
    IS(illegal_address, one.finish());
    CHECK(said("belongs to device 1"));
    OK(cuCtxSetCurrent(two.context));
    OK(two.launch("emulator_store", 1, 1, 0, of_two, 0ll));
    OK(two.finish());
}

void no_device() {
    setenv("EIDOS_EMULATED_GPUS", "0", 1);
    IS(100, cuInit(0));
}

void threads_have_contexts_of_their_own() {
    Session session;
    int status = 0;
    std::thread([&] {
        Pointer none = 0;
        status = cuMemAlloc_v2(&none, 16);
    }).join();
    CHECK(status == no_context);
    std::vector<std::thread> threads;
    std::vector<float> results(4);
    for (std::size_t i = 0; i < results.size(); ++i) {
        threads.emplace_back([&, i] {
            OK(cuCtxSetCurrent(session.context));
            void *stream = nullptr;
            OK(cuStreamCreate(&stream, 1));
            Session mine = session;
            mine.stream = stream;
            std::vector<float> values(128, static_cast<float>(i + 1));
            Pointer in = mine.upload(values), out = mine.room(4);
            for (int round = 0; round < 50; ++round) {
                OK(mine.launch("emulator_sum", 1, 128, 0, in, out, 1));
            }
            results[i] = mine.download<float>(out, 1)[0];
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    for (std::size_t i = 0; i < results.size(); ++i) {
        CHECK(results[i] == 128.0f * static_cast<float>(i + 1));
    }
}

void a_seed_shuffles_blocks() {
    setenv("EIDOS_EMULATED_GPU_SEED", "12345", 1);
    Session session;
    Pointer out = session.room(4);
    OK(session.launch("emulator_order", 100, 1, 0, out));
    CHECK(session.download<std::uint32_t>(out, 1)[0] != 99);
    kernels_compute();
}

void nothing_is_left() {
    std::uint64_t live[8];
    {
        Session session;
        session.download<float>(session.room(64), 16);
        eidos_emulator_live(live);
        CHECK(live[0] == 1 && live[1] == 64 && live[3] == 1 && live[5] == 1 && live[7] == 1);
        OK(cuModuleUnload(session.module));
        OK(cuStreamDestroy_v2(session.stream));
        OK(cuDevicePrimaryCtxRelease_v2(0));
    }
    eidos_emulator_live(live);
    CHECK(live[0] == 1 && live[3] == 0 && live[5] == 0 && live[7] == 0);
}

// Products with C = A B, column by column: A is m x k, B is k x n.
constexpr int m = 40, k = 512;

std::vector<float> by_cublas(const Session &session, Pointer a, Pointer b, int n) {
    void *handle = nullptr;
    OK(cublasCreate_v2(&handle));
    OK(cublasSetStream_v2(handle, session.stream));
    Pointer c = session.room(static_cast<std::size_t>(m * n) * 4);
    float one = 1.0f, zero = 0.0f;
    OK(cublasSgemm_v2(handle, 0, 0, m, n, k, &one, reinterpret_cast<float *>(a), m, reinterpret_cast<float *>(b), k, &zero,
                      reinterpret_cast<float *>(c), m));
    OK(cublasDestroy_v2(handle));
    return session.download<float>(c, static_cast<std::size_t>(m * n));
}

void products_are_products() {
    Session session;
    std::vector<float> a(static_cast<std::size_t>(m * k)), b(static_cast<std::size_t>(k * 64));
    for (std::size_t i = 0; i < a.size(); ++i) {
        a[i] = std::sin(static_cast<float>(i));
    }
    for (std::size_t i = 0; i < b.size(); ++i) {
        b[i] = std::cos(static_cast<float>(i));
    }
    Pointer left = session.upload(a), right = session.upload(b);
    std::vector<float> few = by_cublas(session, left, right, 2), many = by_cublas(session, left, right, 64);
    double worst = 0.0;
    bool differ = false;
    for (int j = 0; j < 64; ++j) {
        for (int i = 0; i < m; ++i) {
            double exact = 0.0;
            for (int l = 0; l < k; ++l) {
                exact += static_cast<double>(a[static_cast<std::size_t>(i + l * m)]) * static_cast<double>(b[static_cast<std::size_t>(l + j * k)]);
            }
            std::size_t at = static_cast<std::size_t>(i + j * m);
            worst = std::max(worst, std::fabs(exact - static_cast<double>(many[at])));
            differ = differ || (j < 2 && few[at] != many[at]);
        }
    }
    CHECK(worst < 1e-4);
    // As with the real library, a row's last bits follow from how many there are.
    CHECK(differ);

    // With an algorithm that is kept they do not.
    void *handle, *what, *la, *lb, *lc, *preference;
    OK(cublasLtCreate(&handle));
    OK(cublasLtMatmulDescCreate(&what, 68, 0));
    OK(cublasLtMatrixLayoutCreate(&la, 0, m, k, m));
    OK(cublasLtMatmulPreferenceCreate(&preference));
    std::uint64_t room = 1 << 20;
    OK(cublasLtMatmulPreferenceSetAttribute(preference, 1, &room, 8));
    unsigned char algorithms[8][96];
    int count = 0;
    OK(cublasLtMatrixLayoutCreate(&lb, 0, k, 64, k));
    OK(cublasLtMatrixLayoutCreate(&lc, 0, m, 64, m));
    OK(cublasLtMatmulAlgoGetHeuristic(handle, what, la, lb, lc, lc, preference, 8, algorithms, &count));
    CHECK(count > 3);
    std::vector<std::vector<float>> results;
    for (int n : {64, 2}) {
        void *right_layout, *out_layout;
        OK(cublasLtMatrixLayoutCreate(&right_layout, 0, k, static_cast<std::uint64_t>(n), k));
        OK(cublasLtMatrixLayoutCreate(&out_layout, 0, m, static_cast<std::uint64_t>(n), m));
        for (int i = 0; i < count; ++i) {
            Pointer out = session.room(static_cast<std::size_t>(m * n) * 4), work = session.room(room);
            float one = 1.0f, zero = 0.0f;
            OK(cublasLtMatmul(handle, what, &one, reinterpret_cast<void *>(left), la, reinterpret_cast<void *>(right), right_layout, &zero,
                              reinterpret_cast<void *>(out), out_layout, reinterpret_cast<void *>(out), out_layout, algorithms[i],
                              reinterpret_cast<void *>(work), room, session.stream));
            results.push_back(session.download<float>(out, static_cast<std::size_t>(m * 2)));
        }
        OK(cublasLtMatrixLayoutDestroy(right_layout));
        OK(cublasLtMatrixLayoutDestroy(out_layout));
    }
    std::size_t all = static_cast<std::size_t>(count);
    bool algorithms_differ = false;
    for (std::size_t i = 0; i < all; ++i) {
        CHECK(results[i] == results[i + all]);
        algorithms_differ = algorithms_differ || results[i] != results[0];
    }
    CHECK(algorithms_differ);

    // What the library refuses.
    float one = 1.0f, zero = 0.0f;
    Pointer out = session.room(static_cast<std::size_t>(m * 64) * 4);
    void *pa = reinterpret_cast<void *>(left), *pb = reinterpret_cast<void *>(right), *pc = reinterpret_cast<void *>(out);
    void *narrow;
    OK(cublasLtMatrixLayoutCreate(&narrow, 0, m, k, m - 1));
    IS(7, cublasLtMatmul(handle, what, &one, pa, narrow, pb, lb, &zero, pc, lc, pc, lc, algorithms[0], nullptr, 0, session.stream));
    IS(7, cublasLtMatmul(handle, what, &one, pa, lb, pb, lb, &zero, pc, lc, pc, lc, algorithms[0], nullptr, 0, session.stream));
    void *mixed;
    OK(cublasLtMatrixLayoutCreate(&mixed, 14, m, k, m));
    IS(15, cublasLtMatmul(handle, what, &one, pa, mixed, pb, lb, &zero, pc, lc, pc, lc, algorithms[0], nullptr, 0, session.stream));
    void *blas = nullptr;
    OK(cublasCreate_v2(&blas));
    IS(7, cublasSgemm_v2(blas, 0, 0, m, 64, k, &one, static_cast<float *>(pa), m - 1, static_cast<float *>(pb), k, &zero, static_cast<float *>(pc), m));
    IS(15, cublasGemmEx(blas, 0, 0, m, 64, k, &one, pa, 14, m, pb, 0, k, &zero, pc, 0, m, 68, -1));
    for (void *one_layout : {la, lb, lc, narrow, mixed}) {
        OK(cublasLtMatrixLayoutDestroy(one_layout));
    }
    OK(cublasLtMatmulDescDestroy(what));
    OK(cublasLtMatmulPreferenceDestroy(preference));
    OK(cublasLtDestroy(handle));
    OK(session.finish());
}

const std::map<std::string, void (*)()> cases = {
#define CASE(name) {#name, name}
    CASE(kernels_compute), CASE(shared_memory_is_limited), CASE(numbers_round_as_on_a_device), CASE(tiles_multiply), CASE(a_store_past_the_end),
    CASE(a_store_just_past_the_end), CASE(a_store_before_the_start), CASE(an_access_close_to_the_end), CASE(a_store_far_away), CASE(a_null_pointer), CASE(a_pointer_of_the_host),
    CASE(memory_that_was_freed), CASE(a_misaligned_access), CASE(a_division_by_zero), CASE(a_failed_assertion), CASE(a_lost_thread),
    CASE(two_barriers), CASE(a_lone_shuffle), CASE(a_lane_that_is_not_there), CASE(too_much_shared_memory), CASE(shared_memory_overrun), CASE(a_missing_barrier_shows),
    CASE(fresh_memory_is_no_number), CASE(the_host_cannot_follow_a_pointer), CASE(copies_are_checked), CASE(copies_to_pinned_memory_wait),
    CASE(streams_wait_where_they_are_told), CASE(memory_is_limited), CASE(an_allocation_fails_on_demand), CASE(devices_are_apart), CASE(no_device),
    CASE(threads_have_contexts_of_their_own), CASE(a_seed_shuffles_blocks), CASE(nothing_is_left), CASE(products_are_products)};

} // namespace

int main() {
    setenv("EIDOS_EMULATED_GPU_QUIET", "1", 1);
    int bad = 0;
    for (const auto &one : cases) {
        pid_t child = fork();
        if (child == 0) {
            // Whatever hangs is a failure.
            alarm(60);
            one.second();
            std::_Exit(0);
        }
        int status = 0;
        waitpid(child, &status, 0);
        if (status != 0) {
            std::printf("FAILED %s\n", one.first.c_str());
            bad += 1;
        }
    }
    std::printf("emulated device: %zu cases, %d failed\n", cases.size(), bad);
    return bad == 0 ? 0 : 1;
}
