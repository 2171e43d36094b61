// The parts of the emulated device, below the entry points that carry CUDA's names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace emulator {

// The statuses of the driver that the emulator gives.
enum Status : int {
    success = 0,
    invalid_value = 1,
    out_of_memory = 2,
    not_initialized = 3,
    no_device = 100,
    invalid_device = 101,
    invalid_image = 200,
    invalid_context = 201,
    invalid_handle = 400,
    not_found = 500,
    not_ready = 600,
    illegal_address = 700,
    failed_assertion = 710,
    misaligned_address = 716,
    launch_failed = 719,
    not_supported = 801,
};

// One lock for everything: calls of several threads follow each other, and a kernel has the processor for itself.
using Lock = std::unique_lock<std::mutex>;
Lock lock();

// What the environment says, read once.
struct Settings {
    int devices;
    std::uint64_t bytes;
    std::uint64_t seed;
    std::size_t alignment;
    bool eager;
    bool quiet;
    int major, minor;
};
const Settings &settings();

// Says what went wrong, on standard error and for `eidos_emulator_last_error`.
void report(const char *format, ...) __attribute__((format(printf, 1, 2)));
Status failed(Status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Memory of a device. Its pointers lie in a range of addresses that is never mapped, so that the processor cannot follow them; the
// memory itself lies elsewhere, each allocation between pages that nobody may touch.
struct Device;

struct Allocation {
    Device *device;
    std::uint64_t pointer;
    std::size_t size;
    // The pages around it, and what is accounted for.
    std::uint64_t first_page;
    std::size_t pages_size;
    std::size_t counted;
    bool free_is_pending;
};

struct Stream;

struct Device {
    int ordinal;
    std::uint64_t pointers, memory, arena_size, next;
    std::map<std::uint64_t, Allocation> live;
    std::size_t limit, used, pending, peak;
    int retained;
    Status sticky;
    std::shared_ptr<Stream> null_stream;
    std::map<std::uint64_t, std::shared_ptr<Stream>> thread_streams;
};

Device *device(int ordinal);
void for_devices(const std::function<void(Device &)> &each);

// Null where the device has no room, after all that was to be freed was.
Allocation *allocate(Device &device, std::size_t size);
Status release(std::uint64_t pointer);
// The live allocation that holds `pointer`, or whose end it is.
Allocation *find(std::uint64_t pointer);
// The device whose range holds `pointer`.
Device *owner(std::uint64_t pointer);
// The memory behind `size` bytes of a device, or null with a report of what is wrong with them.
void *memory(std::uint64_t pointer, std::size_t size, const Device *device, const char *what);
// Whether nothing was written around the allocation.
bool intact(const Allocation &allocation);
// Counts down to the allocation that fails: 0 never.
void fail_allocation(std::uint64_t which, bool following);

// Pinned host memory.
void *allocate_pinned(std::size_t size);
bool release_pinned(void *pointer);
bool register_pinned(void *pointer, std::size_t size);
bool unregister_pinned(void *pointer);
bool is_pinned(const void *pointer, std::size_t size);

// Work of a stream waits until something synchronises with it.
struct Operation {
    const char *what;
    std::function<Status()> run;
};

struct Stream {
    Device *device;
    bool blocking;
    bool alive;
    std::uint64_t asked, done;
    std::deque<Operation> waiting;
};

struct Event {
    Device *device;
    bool timed;
    std::shared_ptr<Stream> stream;
    std::uint64_t at;
    std::shared_ptr<double> time;
};

// The stream behind a handle; null with `status` where there is none.
std::shared_ptr<Stream> stream_of(void *handle, Status &status);
// The same, where only a stream of the device whose context is current will do.
std::shared_ptr<Stream> own_stream_of(void *handle, Status &status);
// Puts work into a stream. A failure is that of earlier work, as on a device.
Status enqueue(const std::shared_ptr<Stream> &stream, const char *what, std::function<Status()> run);
Status run_until(const std::shared_ptr<Stream> &stream, std::uint64_t at);
Status drain(const std::shared_ptr<Stream> &stream);
Status drain(Device &device);
Device *current();

// Numbers of things that live, for tests that ask whether anything is left.
struct Live {
    std::uint64_t allocations, bytes, pinned, streams, events, modules, handles, contexts;
};
extern Live live;

// Kernels.
struct Launch {
    unsigned int grid[3], block[3];
    unsigned int shared;
};
struct Function;
struct Module;
Module *load_module(const char *text);
bool unload_module(Module *module);
Function *find_function(Module *module, const char *name, Status &status);
Status check_launch(Function *function, const Launch &launch);
Status run_kernel(Device &device, const Function &function, const Launch &launch, void *arguments);
std::shared_ptr<void> pack_arguments(const Function &function, void **parameters);
const char *function_name(const Function *function);
bool is_function(const Function *function);
bool allow_shared(Function *function, unsigned int bytes);
unsigned int allowed_shared(const Function *function);

// Products of matrices.
enum class Type : int { f32 = 0, f64 = 1, f16 = 2, bf16 = 14 };
std::size_t size_of(Type type);

struct Matrix {
    std::uint64_t pointer;
    Type type;
    // Elements from one row, column, matrix of the batch to the next.
    std::int64_t row, column, batch;
};

enum class Round { none, tf32, bf16, f16 };

struct Product {
    std::int64_t m, n, k, batch;
    Matrix a, b, c, d;
    double alpha, beta;
    Round inputs;
    // The order of summation: parts of this many products are summed alone, then the parts; first in `splits` groups.
    std::int64_t part, splits;
    bool reversed;
    // Added to all elements of a row, then a function of it.
    std::uint64_t bias;
    Type bias_type;
    std::int64_t bias_batch;
    enum { plain, relu, gelu } function;
};
Status run_product(Device &device, const Product &product);

} // namespace emulator
