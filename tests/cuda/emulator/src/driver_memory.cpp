// The driver's entry points for memory: allocations, copies, fills, and what a pointer is.
#include "driver.h"

#include <cstring>

namespace emulator {
namespace {

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

Status synchronous(Status status, const std::shared_ptr<Stream> &stream) { return status != success ? status : drain(stream); }

Status copy_in(const std::shared_ptr<Stream> &stream, std::uint64_t to, const void *from, std::size_t size) {
    if (size == 0) {
        return success;
    }
    Device *device = stream->device;
    if (memory(to, size, device, "copy to the device") == nullptr) {
        return invalid_value;
    }
    // Much memory that is not pinned is not kept twice: the copy is over when the call returns, as a driver may do it, too.
    constexpr std::size_t most_kept = std::size_t(1) << 20;
    bool at_once = size > most_kept && !is_pinned(from, size);
    if (at_once) {
        Status status = enqueue(stream, "copy to the device", [=] {
            void *target = memory(to, size, device, "copy to the device, as it runs");
            if (target == nullptr) {
                return illegal_address;
            }
            std::memcpy(target, from, size);
            return success;
        });
        return synchronous(status, stream);
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

} // namespace
} // namespace emulator

using namespace emulator;

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
// Attributes 6 and 8, the most bytes, begin anew; a pool has nothing else that could be changed.
EXPORT int cuMemPoolSetAttribute(void *pool, int attribute, void *) {
    Lock held = lock();
    if (attribute == 6 || attribute == 8) {
        Device *one = static_cast<Device *>(pool);
        one->peak = one->used;
    }
    return success;
}
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
