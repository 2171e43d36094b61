// Memory of the devices and pinned memory of the host: counted, poisoned, between guard pages.
#include "emulator.h"

#include <algorithm>
#include <cstring>
#include <sys/mman.h>

namespace emulator {
namespace {

constexpr std::size_t page = 4096;
constexpr std::size_t arena = std::size_t(1) << 40;
constexpr std::size_t granularity = 512;
// Fresh memory reads as NaN in every type; what lies around an allocation is of another kind.
constexpr int poison = 0xff;
constexpr int margin = 0xa5;

std::size_t round_up(std::size_t size, std::size_t to) { return (size + to - 1) / to * to; }

std::uint64_t reserve(std::size_t size) {
    void *range = mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return range == MAP_FAILED ? 0 : reinterpret_cast<std::uint64_t>(range);
}

std::map<const unsigned char *, std::pair<std::size_t, bool>> pinned;

std::uint64_t failing = 0;
bool failing_from_there = false;
std::uint64_t allocated = 0;

unsigned char *real(const Device &device, std::uint64_t pointer) {
    return reinterpret_cast<unsigned char *>(pointer - device.pointers + device.memory);
}

bool all_are(const unsigned char *bytes, std::size_t size, int value) {
    return std::all_of(bytes, bytes + size, [&](unsigned char byte) { return byte == value; });
}

} // namespace

void fail_allocation(std::uint64_t which, bool following) {
    failing = which;
    failing_from_there = following;
    allocated = 0;
}

Device *device(int ordinal) {
    static std::map<int, std::unique_ptr<Device>> devices;
    if (ordinal < 0 || ordinal >= settings().devices) {
        return nullptr;
    }
    std::unique_ptr<Device> &one = devices[ordinal];
    if (one == nullptr) {
        std::uint64_t pointers = reserve(arena), memory = reserve(arena);
        if (pointers == 0 || memory == 0) {
            report("no address space for the memory of device %d", ordinal);
            return nullptr;
        }
        one.reset(new Device{ordinal, pointers, memory, arena, page, {}, settings().bytes, 0, 0, 0, 0, success, nullptr, {}});
        one->null_stream.reset(new Stream{one.get(), true, true, 0, 0, {}});
    }
    return one.get();
}

void for_devices(const std::function<void(Device &)> &each) {
    for (int i = 0; i < settings().devices; ++i) {
        if (Device *one = device(i)) {
            each(*one);
        }
    }
}

Allocation *allocate(Device &device, std::size_t size) {
    ++allocated;
    if (failing != 0 && (allocated == failing || (failing_from_there && allocated > failing))) {
        return nullptr;
    }
    std::size_t counted = round_up(size, granularity);
    if (counted < size || counted > device.limit) {
        return nullptr;
    }
    if (device.used + counted > device.limit && (drain(device) != success || device.used + counted > device.limit)) {
        return nullptr;
    }
    std::size_t data = round_up(size, settings().alignment), pages = round_up(data, page);
    // Addresses are not used again until there are no others, so that a pointer to freed memory stays one.
    std::uint64_t at = device.next;
    for (int round = 0; round < 2; ++round) {
        for (auto after = device.live.lower_bound(device.pointers + at);; ++after) {
            bool last = after == device.live.end();
            std::uint64_t end = last ? device.arena_size : after->second.first_page - device.pointers;
            if (at + pages + page <= end) {
                round = 2;
                break;
            }
            if (last) {
                at = page;
                break;
            }
            at = after->second.first_page - device.pointers + after->second.pages_size + page;
        }
    }
    device.next = at + pages + page;
    std::uint64_t first = device.pointers + at, pointer = first + pages - data;
    unsigned char *begin = real(device, first);
    if (mprotect(begin, pages, PROT_READ | PROT_WRITE) != 0) {
        return nullptr;
    }
    std::memset(begin, margin, pages);
    std::memset(real(device, pointer), poison, size);
    device.used += counted;
    device.peak = std::max(device.peak, device.used - device.pending);
    live.allocations += 1;
    live.bytes += size;
    return &(device.live[pointer] = Allocation{&device, pointer, size, first, pages, counted, false});
}

bool intact(const Allocation &one) {
    const unsigned char *data = real(*one.device, one.pointer), *first = real(*one.device, one.first_page);
    return all_are(first, static_cast<std::size_t>(data - first), margin) &&
           all_are(data + one.size, static_cast<std::size_t>(first + one.pages_size - data) - one.size, margin);
}

Status release(std::uint64_t pointer) {
    Device *device = owner(pointer);
    auto found = device == nullptr ? decltype(device->live)::iterator() : device->live.find(pointer);
    if (device == nullptr || found == device->live.end()) {
        return failed(invalid_value, "free of %#llx, which is no live allocation", static_cast<unsigned long long>(pointer));
    }
    const Allocation &one = found->second;
    bool sound = intact(one);
    unsigned char *begin = real(*device, one.first_page);
    madvise(begin, one.pages_size, MADV_DONTNEED);
    mprotect(begin, one.pages_size, PROT_NONE);
    device->used -= one.counted;
    if (one.free_is_pending) {
        device->pending -= one.counted;
    }
    live.allocations -= 1;
    live.bytes -= one.size;
    std::size_t size = one.size;
    device->live.erase(found);
    if (!sound) {
        device->sticky = illegal_address;
        return failed(illegal_address, "something wrote beside an allocation of %zu bytes, as its free shows", size);
    }
    return success;
}

Device *owner(std::uint64_t pointer) {
    Device *found = nullptr;
    for_devices([&](Device &one) {
        if (pointer >= one.pointers && pointer < one.pointers + one.arena_size) {
            found = &one;
        }
    });
    return found;
}

Allocation *find(std::uint64_t pointer) {
    Device *device = owner(pointer);
    if (device == nullptr) {
        return nullptr;
    }
    auto after = device->live.upper_bound(pointer);
    if (after == device->live.begin()) {
        return nullptr;
    }
    Allocation &one = std::prev(after)->second;
    return pointer <= one.pointer + one.size ? &one : nullptr;
}

void *memory(std::uint64_t pointer, std::size_t size, const Device *device, const char *what) {
    unsigned long long shown = pointer;
    Device *of = owner(pointer);
    if (of == nullptr) {
        if (is_pinned(reinterpret_cast<void *>(pointer), size)) {
            return reinterpret_cast<void *>(pointer);
        }
        report("%s: %#llx is no pointer of a device", what, shown);
        return nullptr;
    }
    if (of != device) {
        report("%s: %#llx belongs to device %d, the work is for device %d", what, shown, of->ordinal, device->ordinal);
        return nullptr;
    }
    Allocation *one = find(pointer);
    if (one == nullptr) {
        report("%s: %#llx lies in no live allocation of device %d", what, shown, of->ordinal);
        return nullptr;
    }
    std::size_t from = pointer - one->pointer;
    if (size > one->size - from) {
        report("%s: %zu bytes at byte %zu of an allocation of %zu bytes", what, size, from, one->size);
        return nullptr;
    }
    return real(*of, pointer);
}

void *allocate_pinned(std::size_t size) {
    std::size_t data = round_up(size, 64), pages = round_up(data, page);
    std::uint64_t range = reserve(pages + 2 * page);
    if (range == 0) {
        return nullptr;
    }
    unsigned char *begin = reinterpret_cast<unsigned char *>(range + page);
    if (mprotect(begin, pages, PROT_READ | PROT_WRITE) != 0) {
        munmap(begin - page, pages + 2 * page);
        return nullptr;
    }
    std::memset(begin, poison, pages);
    unsigned char *pointer = begin + pages - data;
    pinned[pointer] = {size, true};
    live.pinned += 1;
    return pointer;
}

bool release_pinned(void *pointer) {
    auto found = pinned.find(static_cast<unsigned char *>(pointer));
    if (found == pinned.end() || !found->second.second) {
        return false;
    }
    std::size_t data = round_up(found->second.first, 64), pages = round_up(data, page);
    unsigned char *begin = static_cast<unsigned char *>(pointer) + data - pages;
    munmap(begin - page, pages + 2 * page);
    pinned.erase(found);
    live.pinned -= 1;
    return true;
}

bool register_pinned(void *pointer, std::size_t size) {
    if (is_pinned(pointer, 1)) {
        return false;
    }
    pinned[static_cast<unsigned char *>(pointer)] = {size, false};
    live.pinned += 1;
    return true;
}

bool unregister_pinned(void *pointer) {
    auto found = pinned.find(static_cast<unsigned char *>(pointer));
    if (found == pinned.end() || found->second.second) {
        return false;
    }
    pinned.erase(found);
    live.pinned -= 1;
    return true;
}

bool is_pinned(const void *pointer, std::size_t size) {
    const unsigned char *at = static_cast<const unsigned char *>(pointer);
    auto after = pinned.upper_bound(at);
    if (after == pinned.begin()) {
        return false;
    }
    auto one = std::prev(after);
    std::size_t from = static_cast<std::size_t>(at - one->first);
    return from <= one->second.first && size <= one->second.first - from;
}

} // namespace emulator
