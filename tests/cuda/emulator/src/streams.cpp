// Streams: work waits in each of them until something synchronises with it, so that who reads too early reads what was there before.
#include "driver.h"

#include <atomic>

namespace emulator {
namespace {

// How much may wait in a stream. More than that runs, oldest first.
constexpr std::size_t longest = 1024;

std::uint64_t this_thread() {
    static std::atomic<std::uint64_t> threads{0};
    thread_local std::uint64_t mine = ++threads;
    return mine;
}

} // namespace

std::map<void *, std::shared_ptr<Stream>> &streams() {
    static auto *all = new std::map<void *, std::shared_ptr<Stream>>;
    return *all;
}

std::shared_ptr<Stream> stream_of(void *handle, Status &status) {
    Device *device = current();
    status = invalid_context;
    if (device == nullptr) {
        return nullptr;
    }
    std::uintptr_t number = reinterpret_cast<std::uintptr_t>(handle);
    status = success;
    if (number == 0 || number == 1) {
        return device->null_stream;
    }
    if (number == 2) {
        std::shared_ptr<Stream> &mine = device->thread_streams[this_thread()];
        if (mine == nullptr) {
            mine.reset(new Stream{device, true, true, 0, 0, {}});
        }
        return mine;
    }
    auto found = streams().find(handle);
    if (found == streams().end()) {
        status = failed(invalid_handle, "%p is no live stream", handle);
        return nullptr;
    }
    return found->second;
}

// Copies and waits may name a stream of any device; a kernel wants one of the device whose context is current.
std::shared_ptr<Stream> own_stream_of(void *handle, Status &status) {
    std::shared_ptr<Stream> stream = stream_of(handle, status);
    if (stream != nullptr && stream->device != current()) {
        status = failed(invalid_handle, "the stream belongs to device %d, the current context to device %d", stream->device->ordinal,
                        current()->ordinal);
        return nullptr;
    }
    return stream;
}

Status run_until(const std::shared_ptr<Stream> &stream, std::uint64_t at) {
    Device &device = *stream->device;
    while (stream->done < at && !stream->waiting.empty()) {
        Operation next = std::move(stream->waiting.front());
        stream->waiting.pop_front();
        stream->done += 1;
        if (device.sticky == success) {
            Status status = next.run();
            if (status != success && device.sticky == success) {
                device.sticky = status;
            }
        }
    }
    return device.sticky;
}

Status drain(const std::shared_ptr<Stream> &stream) { return run_until(stream, stream->asked); }

Status drain(Device &device) {
    drain(device.null_stream);
    for (auto &one : device.thread_streams) {
        drain(one.second);
    }
    for (auto &one : streams()) {
        if (one.second->device == &device) {
            drain(one.second);
        }
    }
    return device.sticky;
}

Status enqueue(const std::shared_ptr<Stream> &stream, const char *what, std::function<Status()> run) {
    Device &device = *stream->device;
    if (device.sticky != success) {
        return device.sticky;
    }
    // The null stream and the streams that are not declared independent of it wait for each other.
    if (stream == device.null_stream) {
        for (auto &one : streams()) {
            if (one.second->device == &device && one.second->blocking) {
                drain(one.second);
            }
        }
        for (auto &one : device.thread_streams) {
            drain(one.second);
        }
    } else if (stream->blocking) {
        drain(device.null_stream);
    }
    stream->waiting.push_back(Operation{what, std::move(run)});
    stream->asked += 1;
    if (settings().eager) {
        return drain(stream);
    }
    if (stream->waiting.size() > longest) {
        return run_until(stream, stream->done + 1);
    }
    return success;
}

} // namespace emulator
