// What the entry points of the driver have in common.
#pragma once

#include "emulator.h"

namespace emulator {

// All streams that were made, by their handles.
std::map<void *, std::shared_ptr<Stream>> &streams();

// The device whose context is current, where the driver was started and there is one.
Status begin(Device *&device);

} // namespace emulator

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
