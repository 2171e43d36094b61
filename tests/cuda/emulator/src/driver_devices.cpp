// The driver's entry points for devices, contexts and statuses.
#include "driver.h"

#include <cstdio>
#include <cstring>

namespace emulator {
namespace {

bool initialized = false;
thread_local Device *bound = nullptr;

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

} // namespace

Device *current() { return bound; }

Status begin(Device *&device) {
    if (!initialized) {
        return not_initialized;
    }
    device = current();
    return device == nullptr ? invalid_context : success;
}

} // namespace emulator

using namespace emulator;

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
