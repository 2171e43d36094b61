// The driver's entry points for streams, events, modules and launches.
#include "driver.h"

#include <algorithm>
#include <chrono>

namespace emulator {
namespace {

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

} // namespace
} // namespace emulator

using namespace emulator;

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
