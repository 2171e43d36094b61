// What the environment sets, what is reported, and what tests may ask of the emulator while it runs.
#include "emulator.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace emulator {

Live live = {};

namespace {

std::uint64_t number(const char *name, std::uint64_t otherwise) {
    const char *text = std::getenv(name);
    return text == nullptr || *text == 0 ? otherwise : std::strtoull(text, nullptr, 0);
}

char last_error[1024];

void write_report(const char *format, std::va_list values) {
    std::vsnprintf(last_error, sizeof last_error, format, values);
    if (!settings().quiet) {
        std::fprintf(stderr, "emulated CUDA device: %s\n", last_error);
    }
}

// At the end of the process, what is left goes to the file that the environment names.
struct AtEnd {
    ~AtEnd() {
        const char *path = std::getenv("EIDOS_EMULATED_GPU_REPORT");
        if (path == nullptr || *path == 0) {
            return;
        }
        if (std::FILE *file = std::fopen(path, "w")) {
            std::fprintf(file, "allocations %llu\nbytes %llu\npinned %llu\nstreams %llu\nevents %llu\nmodules %llu\nhandles %llu\ncontexts %llu\n",
                         static_cast<unsigned long long>(live.allocations), static_cast<unsigned long long>(live.bytes),
                         static_cast<unsigned long long>(live.pinned), static_cast<unsigned long long>(live.streams),
                         static_cast<unsigned long long>(live.events), static_cast<unsigned long long>(live.modules),
                         static_cast<unsigned long long>(live.handles), static_cast<unsigned long long>(live.contexts));
            std::fclose(file);
        }
    }
} at_end;

} // namespace

Lock lock() {
    static std::mutex *mutex = new std::mutex;
    return Lock(*mutex);
}

const Settings &settings() {
    static const Settings *read = [] {
        std::uint64_t capability = number("EIDOS_EMULATED_GPU_CAPABILITY", 90);
        const char *failing = std::getenv("EIDOS_EMULATED_GPU_FAIL_ALLOCATION");
        if (failing != nullptr && *failing != 0) {
            fail_allocation(std::strtoull(failing, nullptr, 10), std::strchr(failing, '+') != nullptr);
        }
        return new Settings{static_cast<int>(number("EIDOS_EMULATED_GPUS", 1)),
                            number("EIDOS_EMULATED_GPU_BYTES", std::uint64_t(2) << 30),
                            number("EIDOS_EMULATED_GPU_SEED", 0),
                            static_cast<std::size_t>(number("EIDOS_EMULATED_GPU_ALIGNMENT", 256)),
                            number("EIDOS_EMULATED_GPU_EAGER", 0) != 0,
                            number("EIDOS_EMULATED_GPU_QUIET", 0) != 0,
                            static_cast<int>(capability / 10),
                            static_cast<int>(capability % 10)};
    }();
    return *read;
}

void report(const char *format, ...) {
    std::va_list values;
    va_start(values, format);
    write_report(format, values);
    va_end(values);
}

Status failed(Status status, const char *format, ...) {
    std::va_list values;
    va_start(values, format);
    write_report(format, values);
    va_end(values);
    return status;
}

} // namespace emulator

using namespace emulator;

// The numbers of what lives: allocations, their bytes, pinned, streams, events, modules, handles of libraries, contexts.
EXPORT void eidos_emulator_live(std::uint64_t numbers[8]) {
    Lock held = lock();
    const std::uint64_t all[8] = {live.allocations, live.bytes,   live.pinned,  live.streams,
                                  live.events,      live.modules, live.handles, live.contexts};
    std::memcpy(numbers, all, sizeof all);
}

// The most bytes that a device held at once, in the order of its streams, since the last call with `reset`.
EXPORT std::uint64_t eidos_emulator_peak_bytes(int ordinal, int reset) {
    Lock held = lock();
    Device *one = device(ordinal);
    if (one == nullptr) {
        return 0;
    }
    std::uint64_t peak = one->peak;
    if (reset != 0) {
        one->peak = one->used - one->pending;
    }
    return peak;
}

// Changes how much memory a device has.
EXPORT void eidos_emulator_set_bytes(int ordinal, std::uint64_t bytes) {
    Lock held = lock();
    if (Device *one = device(ordinal)) {
        one->limit = bytes;
    }
}

// Makes the n-th allocation from now on fail, and those after it where `following`; 0 none.
EXPORT void eidos_emulator_fail_allocation(std::uint64_t which, int following) {
    Lock held = lock();
    (void)settings();
    fail_allocation(which, following != 0);
}

// The text of the last thing that went wrong, or an empty one.
EXPORT void eidos_emulator_last_error(char *text, std::size_t size) {
    Lock held = lock();
    std::snprintf(text, size, "%s", last_error);
}
