// What a kernel asks of the emulator: its place in the grid, barriers, exchanges within a warp, shared memory, and how it fails.
// Kernels of one launch run on one thread of the processor, so that plain variables stand for a thread's registers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

struct uint3 {
    unsigned int x, y, z;
};
struct dim3 {
    unsigned int x, y, z;
    constexpr dim3(unsigned int x_ = 1, unsigned int y_ = 1, unsigned int z_ = 1) : x(x_), y(y_), z(z_) {}
};

// The place of the thread that runs. The scheduler sets them whenever it changes threads.
extern uint3 threadIdx;
extern uint3 blockIdx;
extern dim3 blockDim;
extern dim3 gridDim;
constexpr int warpSize = 32;

namespace emulated {

// The status that a failing kernel leaves, by the driver's numbers.
enum Failure : int { illegal_address = 700, failed_assertion = 710, misaligned_address = 716, launch_failed = 719 };

// Ends the launch: the stream reports the status at the next synchronisation, the log has the text.
[[noreturn]] void fail(Failure status, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Waits until all threads of the block are at this barrier.
void barrier(int line);

// Waits until all lanes of `mask` are at this exchange.
// `value` is `size` bytes that the lane offers; `source` is the lane it takes them from into `result`, or its own.
void exchange(const char *name, int line, unsigned int mask, const void *value, std::size_t size, int source, void *result);

// Meets all lanes of `mask`; the last to come runs `all` with what each lane brought.
void meet(const char *name, int line, unsigned int mask, void *item, void (*all)(void *const *items, unsigned int lanes));

// The lane of the thread that runs.
unsigned int lane();

// The dynamic shared memory of the block.
void *dynamic_shared();

// Shared memory of a block as a declaration in a kernel: new and full of NaN in each block, with room behind it that must stay
// as it is.
struct SharedBase {
    unsigned long long block;
    SharedBase *next;
    void *bytes;
    std::size_t size;
};
extern unsigned long long block_number;
void enter_shared(SharedBase &shared);

constexpr std::size_t shared_margin = 128;

template <typename T> struct Shared {
    SharedBase base;
    alignas(128) unsigned char bytes[sizeof(T) + shared_margin];

    T &enter() {
        if (base.block != block_number) {
            base.bytes = bytes;
            base.size = sizeof(T);
            enter_shared(base);
        }
        return *reinterpret_cast<T *>(bytes);
    }
};

// Turns a pointer as the host knows it into the memory behind it.
void *device_pointer(const void *pointer, int argument);

// The arguments of a launch: copied when it is asked for, translated when it runs.
struct Arguments {
    virtual ~Arguments() = default;
    virtual void translate() = 0;
    virtual void call() const = 0;
};

template <typename T> T translated(T value, int argument) {
    if constexpr (std::is_pointer_v<T>) {
        return static_cast<T>(device_pointer(static_cast<const void *>(value), argument));
    } else {
        static_assert(std::is_trivially_copyable_v<T>, "kernel arguments are plain values");
        return value;
    }
}

template <auto function> struct Bound;
template <typename... P, void (*function)(P...)> struct Bound<function> final : Arguments {
    std::tuple<std::remove_cv_t<P>...> values;

    template <std::size_t... I>
    Bound(void **from, std::index_sequence<I...>) : values(*static_cast<const std::remove_cv_t<P> *>(from[I])...) {}

    template <std::size_t... I> void translate_all(std::index_sequence<I...>) {
        ((std::get<I>(values) = translated(std::get<I>(values), static_cast<int>(I))), ...);
    }

    void translate() override { translate_all(std::index_sequence_for<P...>()); }
    void call() const override { std::apply(function, values); }

    static std::unique_ptr<Arguments> pack(void **from) {
        return std::unique_ptr<Arguments>(new Bound(from, std::index_sequence_for<P...>()));
    }
};

// A kernel that was compiled for the processor.
struct Kernel {
    const char *source;
    const char *name;
    std::unique_ptr<Arguments> (*pack)(void **from);
};

struct Registrar {
    Registrar(const char *source, const char *name, std::unique_ptr<Arguments> (*pack)(void **from));
};

} // namespace emulated
