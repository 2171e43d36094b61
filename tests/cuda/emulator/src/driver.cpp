// The entry points of the driver that cudarc's safe layer and candle's CUDA backend call.
#include "emulator.h"

#include <chrono>
#include <cstdio>
#include <cstring>
#include <set>

namespace emulator {

std::map<void *, std::shared_ptr<Stream>> &streams();

namespace {

bool initialized = false;
thread_local Device *bound = nullptr;

std::map<void *, std::unique_ptr<Event>> &events() {
    static auto *all = new std::map<void *, std::unique_ptr<Event>>;
    return *all;
}

double now() {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Event *event_of(void *handle) {
    auto found = events().find(handle);
    if (found == events().end()) {
        report("%p is no live event", handle);
        return nullptr;
    }
    return found->second.get();
}

bool is_complete(const Event &event) { return event.stream == nullptr || event.stream->done >= event.at; }

Status complete(const Event &event) {
    return event.stream == nullptr ? success : run_until(event.stream, event.at);
}

// The bytes that a host pointer stands for while the work waits: pinned memory is read when the work runs, other memory was
// copied when it was asked for.
struct Source {
    const void *pinned;
    std::shared_ptr<std::vector<unsigned char>> copied;

    Source(const void *from, std::size_t size) : pinned(nullptr), copied() {
        if (is_pinned(from, size)) {
            pinned = from;
        } else {
            const unsigned char *bytes = static_cast<const unsigned char *>(from);
            copied = std::make_shared<std::vector<unsigned char>>(bytes, bytes + size);
        }
    }
    const void *read(std::size_t size) const {
        if (copied != nullptr) {
            return copied->data();
        }
        if (!is_pinned(pinned, size)) {
            report("pinned memory was freed before a copy from it ran");
            return nullptr;
        }
        return pinned;
    }
};

Status copy_in(const std::shared_ptr<Stream> &stream, std::uint64_t to, const void *from, std::size_t size) {
    if (size == 0) {
        return success;
    }
    Device *device = stream->device;
    if (memory(to, size, device, "copy to the device") == nullptr) {
        return invalid_value;
    }
    Source source(from, size);
    return enqueue(stream, "copy to the device", [=] {
        void *target = memory(to, size, device, "copy to the device, as it runs");
        const void *bytes = source.read(size);
        if (target == nullptr || bytes == nullptr) {
            return illegal_address;
        }
        std::memcpy(target, bytes, size);
        return success;
    });
}

Status copy_out(const std::shared_ptr<Stream> &stream, void *to, std::uint64_t from, std::size_t size) {
    if (size == 0) {
        return success;
    }
    Device *device = stream->device;
    if (memory(from, size, device, "copy from the device") == nullptr) {
        return invalid_value;
    }
    bool pinned = is_pinned(to, size);
    Status status = enqueue(stream, "copy from the device", [=] {
        const void *source = memory(from, size, device, "copy from the device, as it runs");
        if (source == nullptr) {
            return illegal_address;
        }
        if (pinned && !is_pinned(to, size)) {
            return failed(illegal_address, "pinned memory was freed before a copy to it ran");
        }
        std::memcpy(to, source, size);
        return success;
    });
    // A copy to memory that is not pinned is over when the call returns.
    return status != success || pinned ? status : drain(stream);
}

Status copy_within(const std::shared_ptr<Stream> &stream, std::uint64_t to, std::uint64_t from, std::size_t size, Device *to_device,
                   Device *from_device) {
    if (size == 0) {
        return success;
    }
    if (memory(to, size, to_device, "copy on the device, target") == nullptr ||
        memory(from, size, from_device, "copy on the device, source") == nullptr) {
        return invalid_value;
    }
    return enqueue(stream, "copy on the device", [=] {
        void *target = memory(to, size, to_device, "copy on the device, target, as it runs");
        const void *source = memory(from, size, from_device, "copy on the device, source, as it runs");
        if (target == nullptr || source == nullptr) {
            return illegal_address;
        }
        std::memmove(target, source, size);
        return success;
    });
}

Status fill(const std::shared_ptr<Stream> &stream, std::uint64_t to, std::uint32_t value, std::size_t width, std::size_t count) {
    std::size_t size = width * count;
    if (size == 0) {
        return success;
    }
    Device *device = stream->device;
    if (to % width != 0 || memory(to, size, device, "fill") == nullptr) {
        return invalid_value;
    }
    return enqueue(stream, "fill", [=] {
        unsigned char *target = static_cast<unsigned char *>(memory(to, size, device, "fill, as it runs"));
        if (target == nullptr) {
            return illegal_address;
        }
        for (std::size_t i = 0; i < count; ++i) {
            std::memcpy(target + i * width, &value, width);
        }
        return success;
    });
}

Status synchronous(Status status, const std::shared_ptr<Stream> &stream) { return status != success ? status : drain(stream); }

// How a stream-ordered allocation is given: at once, because addresses are not used twice.
Status give(Device &device, std::uint64_t *pointer, std::size_t size) {
    if (device.sticky != success) {
        return device.sticky;
    }
    Allocation *one = allocate(device, size);
    if (one == nullptr) {
        return device.sticky != success ? device.sticky : out_of_memory;
    }
    *pointer = one->pointer;
    return success;
}

struct Named {
    int status;
    const char *name, *text;
};
constexpr Named named[] = {
    {success, "CUDA_SUCCESS", "no error"},
    {invalid_value, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {out_of_memory, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {not_initialized, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {no_device, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {invalid_device, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {invalid_image, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {invalid_context, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {invalid_handle, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {not_found, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {not_ready, "CUDA_ERROR_NOT_READY", "device not ready"},
    {illegal_address, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {failed_assertion, "CUDA_ERROR_ASSERT", "device-side assert triggered"},
    {misaligned_address, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"},
    {launch_failed, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {not_supported, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
};

const Named *named_status(int status) {
    for (const Named &one : named) {
        if (one.status == status) {
            return &one;
        }
    }
    return nullptr;
}

Status begin(Device *&device) {
    if (!initialized) {
        return not_initialized;
    }
    device = current();
    return device == nullptr ? invalid_context : success;
}

} // namespace

Device *current() { return bound; }

} // namespace emulator

using namespace emulator;

#define WITH_DEVICE(device)                                                                                                       \
    Lock held = lock();                                                                                                           \
    Device *device = nullptr;                                                                                                     \
    if (Status status = begin(device); status != success) {                                                                      \
        return status;                                                                                                            \
    }
#define WITH_STREAM(stream, handle)                                                                                               \
    Lock held = lock();                                                                                                           \
    Status found_ = success;                                                                                                      \
    std::shared_ptr<Stream> stream = stream_of(handle, found_);                                                                   \
    if (stream == nullptr) {                                                                                                      \
        return found_;                                                                                                            \
    }

// Devices.

EXPORT int cuInit(unsigned int flags) {
    Lock held = lock();
    if (flags != 0) {
        return invalid_value;
    }
    if (settings().devices == 0) {
        return no_device;
    }
    initialized = true;
    return success;
}

EXPORT int cuDriverGetVersion(int *version) {
    *version = 13000;
    return success;
}

EXPORT int cuDeviceGetCount(int *count) {
    Lock held = lock();
    *count = settings().devices;
    return initialized ? success : not_initialized;
}

EXPORT int cuDeviceGet(int *device_, int ordinal) {
    Lock held = lock();
    if (!initialized) {
        return not_initialized;
    }
    if (device(ordinal) == nullptr) {
        return invalid_device;
    }
    *device_ = ordinal;
    return success;
}

EXPORT int cuDeviceGetName(char *name, int size, int ordinal) {
    Lock held = lock();
    if (device(ordinal) == nullptr) {
        return invalid_device;
    }
    std::snprintf(name, static_cast<std::size_t>(size), "Emulated device %d", ordinal);
    return success;
}

static int device_uuid(unsigned char *uuid, int ordinal) {
    Lock held = lock();
    if (device(ordinal) == nullptr) {
        return invalid_device;
    }
    std::memcpy(uuid, "eidos-emulator ", 15);
    uuid[15] = static_cast<unsigned char>(ordinal);
    return success;
}
EXPORT int cuDeviceGetUuid(unsigned char *uuid, int ordinal) { return device_uuid(uuid, ordinal); }
EXPORT int cuDeviceGetUuid_v2(unsigned char *uuid, int ordinal) { return device_uuid(uuid, ordinal); }

EXPORT int cuDeviceGetPCIBusId(char *text, int size, int ordinal) {
    Lock held = lock();
    if (device(ordinal) == nullptr) {
        return invalid_device;
    }
    std::snprintf(text, static_cast<std::size_t>(size), "0000:%02x:00.0", ordinal + 1);
    return success;
}

EXPORT int cuDeviceTotalMem_v2(std::size_t *bytes, int ordinal) {
    Lock held = lock();
    Device *one = device(ordinal);
    if (one == nullptr) {
        return invalid_device;
    }
    *bytes = one->limit;
    return success;
}

EXPORT int cuDeviceComputeCapability(int *major, int *minor, int) {
    *major = settings().major;
    *minor = settings().minor;
    return success;
}

EXPORT int cuDeviceGetAttribute(int *value, int attribute, int ordinal) {
    Lock held = lock();
    if (device(ordinal) == nullptr) {
        return invalid_device;
    }
    switch (attribute) {
    case 1: case 2: case 3: *value = attribute == 3 ? 64 : 1024; break;          // threads of a block
    case 4: *value = 64; break;                                                  // its depth
    case 5: *value = 0x7fffffff; break;                                          // blocks of a grid
    case 6: case 7: *value = 65535; break;
    case 8: *value = 48 << 10; break;                                            // shared memory of a block
    case 9: *value = 64 << 10; break;                                            // constant memory
    case 10: *value = 32; break;                                                 // threads of a warp
    case 11: *value = 0x7fffffff; break;                                         // pitch
    case 12: case 82: *value = 65536; break;                                     // registers
    case 13: case 36: *value = 1000000; break;                                   // clock rates
    case 14: case 30: *value = 512; break;                                       // alignments
    case 16: *value = 4; break;                                                  // multiprocessors
    case 33: *value = ordinal + 1; break;                                        // bus
    case 37: *value = 1024; break;                                               // width of the memory bus
    case 38: *value = 4 << 20; break;                                            // second cache
    case 39: *value = 2048; break;                                               // threads of a multiprocessor
    case 40: *value = 2; break;                                                  // copy engines
    case 15: case 19: case 31: case 41: case 78: case 99: *value = 1; break;     // overlap, mapped and registered host memory, unified addresses
    case 75: *value = settings().major; break;
    case 76: *value = settings().minor; break;
    case 81: *value = 228 << 10; break;                                          // shared memory of a multiprocessor
    case 97: *value = 227 << 10; break;                                          // shared memory of a block that asks for it
    case 106: *value = 32; break;                                                // blocks of a multiprocessor
    case 111: *value = 1024; break;
    case 115: *value = 1; break;                                                 // memory pools
    default: *value = 0; break;
    }
    return success;
}

EXPORT int cuDeviceCanAccessPeer(int *can, int, int) {
    *can = 0;
    return success;
}

// Contexts.

EXPORT int cuDevicePrimaryCtxRetain(void **context, int ordinal) {
    Lock held = lock();
    Device *one = device(ordinal);
    if (!initialized || one == nullptr) {
        return initialized ? invalid_device : not_initialized;
    }
    one->retained += 1;
    live.contexts += 1;
    *context = one;
    return success;
}

EXPORT int cuDevicePrimaryCtxRelease_v2(int ordinal) {
    Lock held = lock();
    Device *one = device(ordinal);
    if (one == nullptr || one->retained == 0) {
        return one == nullptr ? invalid_device : invalid_context;
    }
    one->retained -= 1;
    live.contexts -= 1;
    if (one->retained == 0) {
        drain(*one);
        one->sticky = success;
    }
    return success;
}

EXPORT int cuDevicePrimaryCtxGetState(int ordinal, unsigned int *flags, int *active) {
    Lock held = lock();
    Device *one = device(ordinal);
    if (one == nullptr) {
        return invalid_device;
    }
    *flags = 0;
    *active = one->retained > 0;
    return success;
}

EXPORT int cuDevicePrimaryCtxSetFlags_v2(int, unsigned int) { return success; }

EXPORT int cuCtxSetCurrent(void *context) {
    Lock held = lock();
    if (!initialized) {
        return not_initialized;
    }
    Device *found = nullptr;
    for_devices([&](Device &one) { found = &one == context ? &one : found; });
    if (context != nullptr && (found == nullptr || found->retained == 0)) {
        return failed(invalid_context, "%p is no retained context", context);
    }
    bound = found;
    return success;
}

EXPORT int cuCtxGetCurrent(void **context) {
    Lock held = lock();
    *context = bound;
    return initialized ? success : not_initialized;
}

EXPORT int cuCtxPushCurrent_v2(void *context) { return cuCtxSetCurrent(context); }
EXPORT int cuCtxPopCurrent_v2(void **context) {
    *context = bound;
    bound = nullptr;
    return success;
}

EXPORT int cuCtxGetDevice(int *ordinal) {
    WITH_DEVICE(device)
    *ordinal = device->ordinal;
    return success;
}

EXPORT int cuCtxSynchronize() {
    WITH_DEVICE(device)
    return drain(*device);
}

EXPORT int cuCtxCreate_v4(void **, void *, unsigned int, int) { return failed(not_supported, "contexts beside the primary one"); }
EXPORT int cuCtxDestroy_v2(void *) { return failed(not_supported, "contexts beside the primary one"); }
EXPORT int cuCtxSetFlags(unsigned int) { return success; }
EXPORT int cuCtxSetCacheConfig(int) { return success; }
EXPORT int cuCtxSetLimit(int, std::size_t) { return success; }
EXPORT int cuCtxGetStreamPriorityRange(int *least, int *greatest) {
    *least = *greatest = 0;
    return success;
}

// Memory.

EXPORT int cuMemGetInfo_v2(std::size_t *free, std::size_t *total) {
    WITH_DEVICE(device)
    *total = device->limit;
    *free = device->used < device->limit ? device->limit - device->used : 0;
    return device->sticky;
}

EXPORT int cuMemAlloc_v2(std::uint64_t *pointer, std::size_t size) {
    WITH_DEVICE(device)
    return size == 0 ? invalid_value : give(*device, pointer, size);
}

EXPORT int cuMemFree_v2(std::uint64_t pointer) {
    WITH_DEVICE(device)
    if (pointer == 0) {
        return success;
    }
    Status status = drain(*device);
    if (status != success) {
        return status;
    }
    if (owner(pointer) != device) {
        return failed(invalid_value, "free of a pointer that is not of device %d", device->ordinal);
    }
    return release(pointer);
}

EXPORT int cuMemAllocAsync(std::uint64_t *pointer, std::size_t size, void *handle) {
    WITH_STREAM(stream, handle)
    // Memory whose free waits is memory all the same on the machine that runs this.
    constexpr std::size_t most_pending = std::size_t(64) << 20;
    if (stream->device->pending > most_pending) {
        drain(stream);
    }
    *pointer = 0;
    return size == 0 ? success : give(*stream->device, pointer, size);
}

EXPORT int cuMemFreeAsync(std::uint64_t pointer, void *handle) {
    WITH_STREAM(stream, handle)
    if (pointer == 0) {
        return success;
    }
    Allocation *one = find(pointer);
    if (one == nullptr || one->pointer != pointer || one->free_is_pending) {
        return failed(invalid_value, "free of %#llx, which is no live allocation", static_cast<unsigned long long>(pointer));
    }
    one->free_is_pending = true;
    one->device->pending += one->counted;
    return enqueue(stream, "free", [=] { return release(pointer); });
}

EXPORT int cuMemHostAlloc(void **pointer, std::size_t size, unsigned int) {
    WITH_DEVICE(device)
    (void)device;
    if (size == 0) {
        return invalid_value;
    }
    *pointer = allocate_pinned(size);
    return *pointer == nullptr ? out_of_memory : success;
}
EXPORT int cuMemAllocHost_v2(void **pointer, std::size_t size) { return cuMemHostAlloc(pointer, size, 0); }

EXPORT int cuMemFreeHost(void *pointer) {
    WITH_DEVICE(device)
    (void)device;
    return release_pinned(pointer) ? success : failed(invalid_value, "free of %p, which is no pinned memory", pointer);
}

EXPORT int cuMemHostRegister_v2(void *pointer, std::size_t size, unsigned int) {
    Lock held = lock();
    return register_pinned(pointer, size) ? success : invalid_value;
}

EXPORT int cuMemHostUnregister(void *pointer) {
    Lock held = lock();
    return unregister_pinned(pointer) ? success : invalid_value;
}

EXPORT int cuMemHostGetDevicePointer_v2(std::uint64_t *pointer, void *host, unsigned int) {
    Lock held = lock();
    *pointer = reinterpret_cast<std::uint64_t>(host);
    return is_pinned(host, 1) ? success : invalid_value;
}

EXPORT int cuPointerGetAttribute(void *value, int attribute, std::uint64_t pointer) {
    Lock held = lock();
    Allocation *one = find(pointer);
    void *host = reinterpret_cast<void *>(pointer);
    bool pinned = is_pinned(host, 1);
    if (one == nullptr && !pinned) {
        return invalid_value;
    }
    switch (attribute) {
    case 1: *static_cast<void **>(value) = one != nullptr ? one->device : nullptr; return success;
    case 2: *static_cast<unsigned int *>(value) = one != nullptr ? 2 : 1; return success;
    case 3: *static_cast<std::uint64_t *>(value) = pointer; return success;
    case 4: *static_cast<void **>(value) = pinned ? host : nullptr; return pinned ? success : invalid_value;
    case 8: *static_cast<unsigned char *>(value) = 0; return success;
    case 9: *static_cast<int *>(value) = one != nullptr ? one->device->ordinal : 0; return success;
    case 11: *static_cast<std::uint64_t *>(value) = one != nullptr ? one->pointer : pointer; return success;
    case 12: *static_cast<std::size_t *>(value) = one != nullptr ? one->size : 0; return success;
    default: return failed(not_supported, "cuPointerGetAttribute: attribute %d", attribute);
    }
}

EXPORT int cuPointerGetAttributes(unsigned int count, const int *attributes, void **values, std::uint64_t pointer) {
    for (unsigned int i = 0; i < count; ++i) {
        if (cuPointerGetAttribute(values[i], attributes[i], pointer) != success) {
            std::memset(values[i], 0, 4);
        }
    }
    return success;
}

EXPORT int cuMemGetAddressRange_v2(std::uint64_t *base, std::size_t *size, std::uint64_t pointer) {
    Lock held = lock();
    Allocation *one = find(pointer);
    if (one == nullptr) {
        return not_found;
    }
    if (base != nullptr) {
        *base = one->pointer;
    }
    if (size != nullptr) {
        *size = one->size;
    }
    return success;
}

EXPORT int cuMemcpyHtoDAsync_v2(std::uint64_t to, const void *from, std::size_t size, void *handle) {
    WITH_STREAM(stream, handle)
    return copy_in(stream, to, from, size);
}
EXPORT int cuMemcpyHtoD_v2(std::uint64_t to, const void *from, std::size_t size) {
    WITH_STREAM(stream, nullptr)
    return synchronous(copy_in(stream, to, from, size), stream);
}
EXPORT int cuMemcpyDtoHAsync_v2(void *to, std::uint64_t from, std::size_t size, void *handle) {
    WITH_STREAM(stream, handle)
    return copy_out(stream, to, from, size);
}
EXPORT int cuMemcpyDtoH_v2(void *to, std::uint64_t from, std::size_t size) {
    WITH_STREAM(stream, nullptr)
    return synchronous(copy_out(stream, to, from, size), stream);
}
EXPORT int cuMemcpyDtoDAsync_v2(std::uint64_t to, std::uint64_t from, std::size_t size, void *handle) {
    WITH_STREAM(stream, handle)
    return copy_within(stream, to, from, size, stream->device, stream->device);
}
EXPORT int cuMemcpyDtoD_v2(std::uint64_t to, std::uint64_t from, std::size_t size) {
    WITH_STREAM(stream, nullptr)
    return synchronous(copy_within(stream, to, from, size, stream->device, stream->device), stream);
}
EXPORT int cuMemcpyPeerAsync(std::uint64_t to, void *to_context, std::uint64_t from, void *from_context, std::size_t size, void *handle) {
    WITH_STREAM(stream, handle)
    return copy_within(stream, to, from, size, static_cast<Device *>(to_context), static_cast<Device *>(from_context));
}

static int copy_any(std::uint64_t to, std::uint64_t from, std::size_t size, const std::shared_ptr<Stream> &stream) {
    Device *target = owner(to), *source = owner(from);
    if (target != nullptr && source != nullptr) {
        return copy_within(stream, to, from, size, target, source);
    }
    if (target != nullptr) {
        return copy_in(stream, to, reinterpret_cast<const void *>(from), size);
    }
    if (source != nullptr) {
        return copy_out(stream, reinterpret_cast<void *>(to), from, size);
    }
    std::memmove(reinterpret_cast<void *>(to), reinterpret_cast<const void *>(from), size);
    return success;
}
EXPORT int cuMemcpyAsync(std::uint64_t to, std::uint64_t from, std::size_t size, void *handle) {
    WITH_STREAM(stream, handle)
    return copy_any(to, from, size, stream);
}
EXPORT int cuMemcpy(std::uint64_t to, std::uint64_t from, std::size_t size) {
    WITH_STREAM(stream, nullptr)
    return synchronous(static_cast<Status>(copy_any(to, from, size, stream)), stream);
}

// What CUDA_MEMCPY2D holds.
struct Rectangle {
    std::size_t from_x, from_y;
    int from_type;
    const void *from_host;
    std::uint64_t from_device;
    void *from_array;
    std::size_t from_pitch;
    std::size_t to_x, to_y;
    int to_type;
    void *to_host;
    std::uint64_t to_device;
    void *to_array;
    std::size_t to_pitch;
    std::size_t width, height;
};

static int copy_rectangle(const Rectangle &all, const std::shared_ptr<Stream> &stream) {
    // Memory types: 1 host, 2 device, 4 whichever the address says.
    std::uint64_t from = all.from_type == 1 ? reinterpret_cast<std::uint64_t>(all.from_host) : all.from_device;
    std::uint64_t to = all.to_type == 1 ? reinterpret_cast<std::uint64_t>(all.to_host) : all.to_device;
    if (all.from_type == 3 || all.to_type == 3) {
        return not_supported;
    }
    if (all.width > all.from_pitch || all.width > all.to_pitch) {
        return failed(invalid_value, "a copy of rows is wider than a pitch");
    }
    for (std::size_t row = 0; row < all.height; ++row) {
        int status = copy_any(to + (all.to_y + row) * all.to_pitch + all.to_x, from + (all.from_y + row) * all.from_pitch + all.from_x,
                              all.width, stream);
        if (status != success) {
            return status;
        }
    }
    return success;
}
EXPORT int cuMemcpy2DAsync_v2(const Rectangle *all, void *handle) {
    WITH_STREAM(stream, handle)
    return copy_rectangle(*all, stream);
}
EXPORT int cuMemcpy2D_v2(const Rectangle *all) {
    WITH_STREAM(stream, nullptr)
    return synchronous(static_cast<Status>(copy_rectangle(*all, stream)), stream);
}

EXPORT int cuMemsetD8Async(std::uint64_t to, unsigned char value, std::size_t count, void *handle) {
    WITH_STREAM(stream, handle)
    return fill(stream, to, value, 1, count);
}
EXPORT int cuMemsetD8_v2(std::uint64_t to, unsigned char value, std::size_t count) {
    WITH_STREAM(stream, nullptr)
    return synchronous(fill(stream, to, value, 1, count), stream);
}
EXPORT int cuMemsetD16Async(std::uint64_t to, unsigned short value, std::size_t count, void *handle) {
    WITH_STREAM(stream, handle)
    return fill(stream, to, value, 2, count);
}
EXPORT int cuMemsetD32Async(std::uint64_t to, unsigned int value, std::size_t count, void *handle) {
    WITH_STREAM(stream, handle)
    return fill(stream, to, value, 4, count);
}
EXPORT int cuMemsetD32_v2(std::uint64_t to, unsigned int value, std::size_t count) {
    WITH_STREAM(stream, nullptr)
    return synchronous(fill(stream, to, value, 4, count), stream);
}

// The one memory pool of a device: nothing of it is kept.
EXPORT int cuDeviceGetDefaultMemPool(void **pool, int ordinal) {
    Lock held = lock();
    *pool = device(ordinal);
    return *pool == nullptr ? invalid_device : success;
}
EXPORT int cuDeviceGetMemPool(void **pool, int ordinal) { return cuDeviceGetDefaultMemPool(pool, ordinal); }
EXPORT int cuMemPoolTrimTo(void *, std::size_t) { return success; }
EXPORT int cuMemPoolSetAttribute(void *, int, void *) { return success; }
EXPORT int cuMemPoolGetAttribute(void *pool, int attribute, void *value) {
    Lock held = lock();
    // Attributes 5 and 6 are the reserved bytes now and at most, 7 and 8 the used ones, 4 the bytes kept.
    Device *one = static_cast<Device *>(pool);
    bool most = attribute == 6 || attribute == 8;
    if (attribute >= 4 && attribute <= 8) {
        *static_cast<std::uint64_t *>(value) = attribute == 4 ? 0 : most ? one->peak : one->used;
        return success;
    }
    *static_cast<int *>(value) = 1;
    return success;
}

// Streams.

static int make_stream(void **handle, unsigned int flags) {
    WITH_DEVICE(device)
    if (flags > 1) {
        return invalid_value;
    }
    std::shared_ptr<Stream> made(new Stream{device, flags == 0, true, 0, 0, {}});
    *handle = made.get();
    streams()[*handle] = made;
    live.streams += 1;
    return device->sticky;
}
EXPORT int cuStreamCreate(void **handle, unsigned int flags) { return make_stream(handle, flags); }
EXPORT int cuStreamCreateWithPriority(void **handle, unsigned int flags, int) { return make_stream(handle, flags); }

EXPORT int cuStreamDestroy_v2(void *handle) {
    Lock held = lock();
    auto found = streams().find(handle);
    if (found == streams().end()) {
        return failed(invalid_handle, "%p is no live stream", handle);
    }
    std::shared_ptr<Stream> stream = found->second;
    Status status = drain(stream);
    stream->alive = false;
    streams().erase(handle);
    live.streams -= 1;
    return status;
}

EXPORT int cuStreamSynchronize(void *handle) {
    WITH_STREAM(stream, handle)
    return drain(stream);
}

EXPORT int cuStreamQuery(void *handle) {
    WITH_STREAM(stream, handle)
    // Who asks again and again sees the work get on.
    Status status = run_until(stream, stream->done + 1);
    return status != success ? status : stream->waiting.empty() ? success : not_ready;
}

EXPORT int cuStreamGetFlags(void *handle, unsigned int *flags) {
    WITH_STREAM(stream, handle)
    *flags = stream->blocking ? 0 : 1;
    return success;
}

EXPORT int cuStreamGetCtx(void *handle, void **context) {
    WITH_STREAM(stream, handle)
    *context = stream->device;
    return success;
}

EXPORT int cuStreamIsCapturing(void *, int *status) {
    *status = 0;
    return success;
}
EXPORT int cuStreamBeginCapture_v2(void *, int) { return failed(not_supported, "graphs are not emulated"); }

EXPORT int cuStreamWaitEvent(void *handle, void *event_handle, unsigned int) {
    WITH_STREAM(stream, handle)
    Event *event = event_of(event_handle);
    if (event == nullptr) {
        return invalid_handle;
    }
    if (is_complete(*event) || event->stream == stream) {
        return stream->device->sticky;
    }
    return enqueue(stream, "wait", [other = event->stream, at = event->at] { return run_until(other, at); });
}

EXPORT int cuLaunchHostFunc(void *handle, void (*function)(void *), void *data) {
    WITH_STREAM(stream, handle)
    return enqueue(stream, "host function", [=] {
        function(data);
        return success;
    });
}

// Events.

EXPORT int cuEventCreate(void **handle, unsigned int flags) {
    WITH_DEVICE(device)
    // Flag 2 says that nobody asks for the time.
    Event *made = new Event{device, (flags & 2u) == 0, nullptr, 0, std::make_shared<double>(0.0)};
    *handle = made;
    events()[made].reset(made);
    live.events += 1;
    return device->sticky;
}

EXPORT int cuEventDestroy_v2(void *handle) {
    Lock held = lock();
    if (event_of(handle) == nullptr) {
        return invalid_handle;
    }
    events().erase(handle);
    live.events -= 1;
    return success;
}

EXPORT int cuEventRecord(void *event_handle, void *handle) {
    WITH_STREAM(stream, handle)
    Event *event = event_of(event_handle);
    if (event == nullptr) {
        return invalid_handle;
    }
    if (event->device != stream->device) {
        return failed(invalid_handle, "an event of device %d is recorded in a stream of device %d", event->device->ordinal,
                      stream->device->ordinal);
    }
    if (event->timed) {
        event->time = std::make_shared<double>(0.0);
        Status status = enqueue(stream, "event", [time = event->time] {
            *time = now();
            return success;
        });
        if (status != success) {
            return status;
        }
    }
    event->stream = stream;
    event->at = stream->asked;
    return stream->device->sticky;
}

EXPORT int cuEventSynchronize(void *handle) {
    Lock held = lock();
    Event *event = event_of(handle);
    return event == nullptr ? invalid_handle : complete(*event);
}

EXPORT int cuEventQuery(void *handle) {
    Lock held = lock();
    Event *event = event_of(handle);
    if (event == nullptr) {
        return invalid_handle;
    }
    if (event->stream != nullptr) {
        run_until(event->stream, std::min(event->at, event->stream->done + 1));
    }
    return event->device->sticky != success ? event->device->sticky : is_complete(*event) ? success : not_ready;
}

static int elapsed(float *milliseconds, void *from_handle, void *to_handle) {
    Lock held = lock();
    Event *from = event_of(from_handle), *to = event_of(to_handle);
    if (from == nullptr || to == nullptr || !from->timed || !to->timed || from->stream == nullptr || to->stream == nullptr) {
        return invalid_handle;
    }
    if (!is_complete(*from) || !is_complete(*to)) {
        return not_ready;
    }
    *milliseconds = static_cast<float>(*to->time - *from->time);
    return success;
}
EXPORT int cuEventElapsedTime(float *milliseconds, void *from, void *to) { return elapsed(milliseconds, from, to); }
EXPORT int cuEventElapsedTime_v2(float *milliseconds, void *from, void *to) { return elapsed(milliseconds, from, to); }

// Modules and launches.

static int load(void **handle, const void *image) {
    WITH_DEVICE(device)
    if (image == nullptr) {
        return invalid_value;
    }
    Module *made = load_module(static_cast<const char *>(image));
    *handle = made;
    return made == nullptr ? invalid_image : device->sticky;
}
EXPORT int cuModuleLoadData(void **handle, const void *image) { return load(handle, image); }
EXPORT int cuModuleLoad(void **, const char *path) { return failed(not_supported, "modules in files are not emulated: %s", path); }
EXPORT int cuModuleLoadDataEx(void **handle, const void *image, unsigned int, int *, void **) { return load(handle, image); }

EXPORT int cuModuleUnload(void *handle) {
    Lock held = lock();
    for_devices([](Device &one) { drain(one); });
    return unload_module(static_cast<Module *>(handle)) ? success : invalid_handle;
}

EXPORT int cuModuleGetFunction(void **function, void *module, const char *name) {
    WITH_DEVICE(device)
    (void)device;
    Status status = success;
    *function = find_function(static_cast<Module *>(module), name, status);
    return status;
}

EXPORT int cuModuleGetGlobal_v2(std::uint64_t *, std::size_t *, void *, const char *name) {
    return failed(not_found, "variables of a module are not emulated: %s", name);
}

EXPORT int cuLaunchKernel(void *handle, unsigned int gx, unsigned int gy, unsigned int gz, unsigned int bx, unsigned int by,
                          unsigned int bz, unsigned int shared, void *stream_handle, void **parameters, void **extra) {
    Lock held = lock();
    Status status_ = success;
    std::shared_ptr<Stream> stream = own_stream_of(stream_handle, status_);
    if (stream == nullptr) {
        return status_;
    }
    Function *function = static_cast<Function *>(handle);
    if (!is_function(function)) {
        return invalid_handle;
    }
    if (extra != nullptr) {
        return failed(not_supported, "%s: arguments in a buffer", function_name(function));
    }
    Launch launch{{gx, gy, gz}, {bx, by, bz}, shared};
    if (Status status = check_launch(function, launch); status != success) {
        return status;
    }
    std::shared_ptr<void> arguments = pack_arguments(*function, parameters);
    Device *device = stream->device;
    return enqueue(stream, function_name(function), [=] { return run_kernel(*device, *function, launch, arguments.get()); });
}

EXPORT int cuFuncGetAttribute(int *value, int attribute, void *handle) {
    Lock held = lock();
    Function *function = static_cast<Function *>(handle);
    if (!is_function(function)) {
        return invalid_handle;
    }
    switch (attribute) {
    case 0: *value = 1024; break;
    case 4: *value = 32; break;
    case 5: *value = 80; break;
    case 6: *value = settings().major * 10 + settings().minor; break;
    case 8: *value = static_cast<int>(allowed_shared(function)); break;
    default: *value = 0; break;
    }
    return success;
}

EXPORT int cuFuncSetAttribute(void *handle, int attribute, int value) {
    Lock held = lock();
    Function *function = static_cast<Function *>(handle);
    if (!is_function(function)) {
        return invalid_handle;
    }
    if (attribute == 8) {
        return value >= 0 && allow_shared(function, static_cast<unsigned int>(value)) ? success : invalid_value;
    }
    return attribute == 9 ? success : invalid_value;
}
EXPORT int cuFuncSetCacheConfig(void *, int) { return success; }

EXPORT int cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, void *, int size, std::size_t) {
    if (size <= 0 || size > 1024) {
        return invalid_value;
    }
    *blocks = 2048 / size;
    return success;
}
EXPORT int cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks, void *function, int size, std::size_t shared, unsigned int) {
    return cuOccupancyMaxActiveBlocksPerMultiprocessor(blocks, function, size, shared);
}

// Texts.

EXPORT int cuGetErrorName(int status, const char **text) {
    const Named *one = named_status(status);
    *text = one != nullptr ? one->name : nullptr;
    return one != nullptr ? success : invalid_value;
}
EXPORT int cuGetErrorString(int status, const char **text) {
    const Named *one = named_status(status);
    *text = one != nullptr ? one->text : nullptr;
    return one != nullptr ? success : invalid_value;
}

EXPORT int cuProfilerStart() { return success; }
EXPORT int cuProfilerStop() { return success; }
