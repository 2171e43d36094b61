// Launches: the blocks of a grid one after the other, the threads of a block as fibres that switch at barriers and at exchanges
// within a warp. What would hang or read foreign memory on a device ends the launch with a status and a text.
#include "../shim/emulated.h"
#include "emulator.h"
#include "fibre.h"

#include <algorithm>
#include <csetjmp>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <pthread.h>
#include <sys/mman.h>

uint3 threadIdx;
uint3 blockIdx;
dim3 blockDim;
dim3 gridDim;

unsigned long long emulated::block_number = 0;

namespace emulator {
namespace {

enum class State : unsigned char { fresh, running, at_barrier, at_exchange, done };

// Where a thread waits for others of its warp.
struct Meeting {
    const char *name;
    int line;
    unsigned int mask;
    void *item;
};

constexpr unsigned int most_threads = 1024;
constexpr std::size_t most_shared = std::size_t(228) << 10;

// The launch that runs. There is one at a time.
struct Running {
    bool active;
    pthread_t processor_thread;
    Device *device;
    const char *name;
    const emulated::Arguments *arguments;
    sigjmp_buf abandon;
    Status status;

    unsigned int threads;
    unsigned int order_step, order_first;
    unsigned int next, done, at_barrier;
    // By warp, the lanes that wait for an exchange and those whose threads ended.
    unsigned int waiting_lanes[most_threads / 32], done_lanes[most_threads / 32];
    int barrier_line;
    unsigned int thread;
    State states[most_threads];
    Meeting meetings[most_threads];
    Fibre *fibres[most_threads];
    std::vector<unsigned int> ready;
    std::size_t ready_from;
    std::vector<Fibre *> taken, idle;
    Fibre scheduler;
    Fibre *fibre;

    emulated::SharedBase *shared;
    std::size_t shared_size;
    unsigned char *dynamic;
    std::size_t dynamic_size;
    std::vector<std::uint64_t> allocations;
} running;

constexpr unsigned char shared_margin_value = 0xa5;

unsigned int gcd(unsigned int a, unsigned int b) { return b == 0 ? a : gcd(b, a % b); }

// A step that visits all of `count` from any start, made from the seed; 1 without a seed.
unsigned int step_of(std::uint64_t seed, unsigned int count) {
    if (seed == 0 || count < 3) {
        return 1;
    }
    unsigned int step = static_cast<unsigned int>(seed * 0x9e3779b97f4a7c15ull % (count - 1)) + 1;
    while (gcd(step, count) != 1) {
        step = step % count + 1;
    }
    return step;
}

void enter(unsigned int thread) {
    running.thread = thread;
    running.states[thread] = State::running;
    threadIdx.x = thread % blockDim.x;
    threadIdx.y = thread / blockDim.x % blockDim.y;
    threadIdx.z = thread / blockDim.x / blockDim.y;
}

bool take_next() {
    if (running.next == running.threads) {
        return false;
    }
    std::uint64_t at = running.order_first + std::uint64_t(running.next) * running.order_step;
    running.next += 1;
    enter(static_cast<unsigned int>(at % running.threads));
    return true;
}

void leave_thread() {
    unsigned int thread = running.thread;
    running.states[thread] = State::done;
    running.done += 1;
    if (running.at_barrier > 0) {
        emulated::fail(emulated::launch_failed, "the thread ends while %u others wait at the barrier in line %d", running.at_barrier,
                       running.barrier_line);
    }
    unsigned int own = thread % 32, first = thread - own;
    running.done_lanes[thread / 32] |= 1u << own;
    if (running.waiting_lanes[thread / 32] == 0) {
        return;
    }
    for (unsigned int other = first; other < std::min(first + 32, running.threads); ++other) {
        const Meeting &meeting = running.meetings[other];
        if (running.states[other] == State::at_exchange && (meeting.mask >> own & 1u) != 0) {
            emulated::fail(emulated::launch_failed, "the thread ends while thread %u waits for it at %s in line %d", other, meeting.name,
                           meeting.line);
        }
    }
}

void body() {
    for (;;) {
        running.fibres[running.thread] = running.fibre;
        running.arguments->call();
        leave_thread();
        if (running.ready_from == running.ready.size() && take_next()) {
            continue;
        }
        running.idle.push_back(running.fibre);
        switch_fibre(*running.fibre, running.scheduler);
    }
}

void wait_here(State state) {
    unsigned int thread = running.thread;
    running.states[thread] = state;
    switch_fibre(*running.fibre, running.scheduler);
}

void make_ready(unsigned int thread) { running.ready.push_back(thread); }

void explain_standstill() {
    char text[512];
    std::size_t length = 0;
    unsigned int shown = 0;
    for (unsigned int thread = 0; thread < running.threads && shown < 4; ++thread) {
        int written = 0;
        if (running.states[thread] == State::at_barrier) {
            written = std::snprintf(text + length, sizeof text - length, "; thread %u is at the barrier in line %d", thread,
                                    running.meetings[thread].line);
        } else if (running.states[thread] == State::at_exchange) {
            const Meeting &at = running.meetings[thread];
            written = std::snprintf(text + length, sizeof text - length, "; thread %u is at %s in line %d with mask %#x", thread, at.name,
                                    at.line, at.mask);
        }
        bool news = thread == 0 || running.states[thread] != running.states[thread - 1] ||
                    running.meetings[thread].line != running.meetings[thread - 1].line;
        if (written > 0 && news) {
            length = std::min(length + static_cast<std::size_t>(written), sizeof text - 1);
            shown += 1;
        }
    }
    text[length] = 0;
    emulated::fail(emulated::launch_failed, "the block stands still: %u of %u threads ended%s", running.done, running.threads, text);
}

void check_shared() {
    for (emulated::SharedBase *one = running.shared; one != nullptr; one = one->next) {
        const unsigned char *margin = static_cast<unsigned char *>(one->bytes) + one->size;
        if (!std::all_of(margin, margin + emulated::shared_margin, [](unsigned char byte) { return byte == shared_margin_value; })) {
            emulated::fail(emulated::illegal_address, "a write beyond %zu bytes of shared memory", one->size);
        }
    }
    running.shared = nullptr;
}

void run_block() {
    emulated::block_number += 1;
    running.next = running.done = running.at_barrier = 0;
    std::fill_n(running.waiting_lanes, most_threads / 32, 0);
    std::fill_n(running.done_lanes, most_threads / 32, 0);
    running.ready.clear();
    running.ready_from = 0;
    running.shared_size = 0;
    std::fill_n(running.states, running.threads, State::fresh);
    std::memset(running.dynamic, 0xff, running.dynamic_size);
    for (;;) {
        if (running.ready_from < running.ready.size()) {
            unsigned int thread = running.ready[running.ready_from++];
            if (running.ready_from == running.ready.size()) {
                running.ready.clear();
                running.ready_from = 0;
            }
            enter(thread);
            running.fibre = running.fibres[thread];
        } else if (take_next()) {
            if (running.idle.empty()) {
                Fibre *fibre = take_fibre();
                if (fibre == nullptr) {
                    emulated::fail(emulated::launch_failed, "no memory for the stacks of a block");
                }
                running.taken.push_back(fibre);
                start_fibre(*fibre, body);
                running.idle.push_back(fibre);
            }
            running.fibre = running.idle.back();
            running.idle.pop_back();
        } else {
            break;
        }
        switch_fibre(running.scheduler, *running.fibre);
    }
    if (running.done != running.threads) {
        explain_standstill();
    }
    check_shared();
}

void run_grid(const Launch &launch) {
    std::uint64_t blocks = std::uint64_t(launch.grid[0]) * launch.grid[1] * launch.grid[2];
    std::uint64_t seed = settings().seed;
    std::uint64_t step = blocks < 0xffffffffu ? step_of(seed, static_cast<unsigned int>(blocks)) : 1;
    for (std::uint64_t i = 0; i < blocks; ++i) {
        std::uint64_t block = (seed + i * step) % blocks;
        blockIdx.x = static_cast<unsigned int>(block % launch.grid[0]);
        blockIdx.y = static_cast<unsigned int>(block / launch.grid[0] % launch.grid[1]);
        blockIdx.z = static_cast<unsigned int>(block / launch.grid[0] / launch.grid[1]);
        run_block();
    }
}

// What an address of the processor is to the host.
void describe(const void *address, char *text, std::size_t size) {
    std::uint64_t at = reinterpret_cast<std::uint64_t>(address);
    const Device &device = *running.device;
    if (at < device.memory || at >= device.memory + device.arena_size) {
        std::snprintf(text, size, "%p, which is no memory of the device", address);
        return;
    }
    std::uint64_t pointer = at - device.memory + device.pointers;
    auto after = device.live.upper_bound(pointer);
    if (after != device.live.begin()) {
        const Allocation &before = std::prev(after)->second;
        std::uint64_t from = pointer - before.pointer;
        if (from < before.size + 65536) {
            std::snprintf(text, size, "byte %llu of an allocation of %zu bytes", static_cast<unsigned long long>(from), before.size);
            return;
        }
    }
    if (after != device.live.end() && after->second.pointer - pointer < 65536) {
        std::snprintf(text, size, "%llu bytes before an allocation of %zu bytes",
                      static_cast<unsigned long long>(after->second.pointer - pointer), after->second.size);
        return;
    }
    std::snprintf(text, size, "memory that is not, or no longer, allocated");
}

struct sigaction earlier[3];
constexpr int signals[3] = {SIGSEGV, SIGBUS, SIGFPE};

void on_signal(int signal, siginfo_t *info, void *) {
    // A fault that is none of a kernel is left to whoever handled it before.
    if (!running.active || pthread_equal(running.processor_thread, pthread_self()) == 0) {
        for (int i = 0; i < 3; ++i) {
            sigaction(signals[i], &earlier[i], nullptr);
        }
        return;
    }
    if (signal == SIGFPE) {
        emulated::fail(emulated::launch_failed, "an integer division by zero");
    }
    // The processor gives no address where the access was not aligned.
    if (info->si_code == SI_KERNEL || info->si_addr == nullptr) {
        emulated::fail(info->si_code == SI_KERNEL ? emulated::misaligned_address : emulated::illegal_address,
                       info->si_code == SI_KERNEL ? "a misaligned access" : "an access through a null pointer");
    }
    char text[160];
    describe(info->si_addr, text, sizeof text);
    emulated::fail(emulated::illegal_address, "an access to %s", text);
}

unsigned char *dynamic_area() {
    static unsigned char *area = [] {
        constexpr std::size_t page = 4096;
        void *range = mmap(nullptr, most_shared + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        unsigned char *begin = static_cast<unsigned char *>(range) + page;
        mprotect(begin, most_shared, PROT_READ | PROT_WRITE);
        return begin;
    }();
    return area;
}

} // namespace

Status run_kernel(Device &device, const Function &function, const Launch &launch, void *arguments) {
    running.device = &device;
    running.name = function_name(&function);
    auto *values = static_cast<emulated::Arguments *>(arguments);
    running.arguments = values;
    running.threads = launch.block[0] * launch.block[1] * launch.block[2];
    running.order_step = step_of(settings().seed, running.threads);
    running.order_first = static_cast<unsigned int>(settings().seed % running.threads);
    running.status = success;
    running.shared = nullptr;
    running.allocations.clear();
    running.idle.clear();
    running.dynamic_size = (launch.shared + 127u) / 128 * 128;
    running.dynamic = dynamic_area() + most_shared - running.dynamic_size;
    blockDim = dim3(launch.block[0], launch.block[1], launch.block[2]);
    gridDim = dim3(launch.grid[0], launch.grid[1], launch.grid[2]);
    blockIdx = {0, 0, 0};
    threadIdx = {0, 0, 0};
    running.thread = 0;

    struct sigaction action;
    std::memset(&action, 0, sizeof action);
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    for (int i = 0; i < 3; ++i) {
        sigaction(signals[i], &action, &earlier[i]);
    }
    running.processor_thread = pthread_self();
    running.active = true;
    if (sigsetjmp(running.abandon, 1) == 0) {
        values->translate();
        run_grid(launch);
        for (std::uint64_t pointer : running.allocations) {
            const Allocation *one = find(pointer);
            if (one != nullptr && !intact(*one)) {
                emulated::fail(emulated::illegal_address, "a write just outside an allocation of %zu bytes", one->size);
            }
        }
    }
    running.active = false;
    for (int i = 0; i < 3; ++i) {
        sigaction(signals[i], &earlier[i], nullptr);
    }
    for (Fibre *fibre : running.taken) {
        give_fibre(fibre);
    }
    running.taken.clear();
    return running.status;
}

} // namespace emulator

namespace emulated {

using emulator::running;

void fail(Failure status, const char *format, ...) {
    char text[900];
    std::va_list values;
    va_start(values, format);
    std::vsnprintf(text, sizeof text, format, values);
    va_end(values);
    emulator::report("kernel %s, block (%u, %u, %u), thread (%u, %u, %u): %s", running.name, blockIdx.x, blockIdx.y, blockIdx.z, threadIdx.x,
                     threadIdx.y, threadIdx.z, text);
    running.status = static_cast<emulator::Status>(status);
    siglongjmp(running.abandon, 1);
}

unsigned int lane() { return running.thread % 32; }

void barrier(int line) {
    if (running.done > 0) {
        fail(launch_failed, "the barrier in line %d waits for %u threads that ended", line, running.done);
    }
    if (running.at_barrier > 0 && running.barrier_line != line) {
        fail(launch_failed, "the thread is at the barrier in line %d, others at the one in line %d", line, running.barrier_line);
    }
    running.barrier_line = line;
    if (running.at_barrier + 1 < running.threads) {
        running.at_barrier += 1;
        running.meetings[running.thread].line = line;
        emulator::wait_here(emulator::State::at_barrier);
        return;
    }
    running.at_barrier = 0;
    for (unsigned int i = 0; i < running.threads; ++i) {
        unsigned int thread = static_cast<unsigned int>((running.order_first + std::uint64_t(i) * running.order_step) % running.threads);
        if (thread != running.thread) {
            emulator::make_ready(thread);
        }
    }
}

void meet(const char *name, int line, unsigned int mask, void *item, void (*all)(void *const *items, unsigned int lanes)) {
    unsigned int own = lane(), first = running.thread - own;
    unsigned int count = std::min(32u, running.threads - first);
    unsigned int wanted = count == 32 ? mask : mask & ((1u << count) - 1);
    if ((mask >> own & 1u) == 0) {
        fail(launch_failed, "%s in line %d: mask %#x does not hold lane %u, which calls it", name, line, mask, own);
    }
    unsigned int &waiting = running.waiting_lanes[running.thread / 32];
    if (unsigned int ended = wanted & running.done_lanes[running.thread / 32]; ended != 0) {
        fail(launch_failed, "%s in line %d: mask %#x names lane %d, whose thread ended", name, line, mask, __builtin_ctz(ended));
    }
    running.meetings[running.thread] = {name, line, mask, item};
    unsigned int others = wanted & ~(1u << own);
    if ((waiting & others) != others) {
        waiting |= 1u << own;
        emulator::wait_here(emulator::State::at_exchange);
        return;
    }
    bool complete = true;
    void *items[32] = {};
    items[own] = item;
    for (unsigned int i = 0; complete && i < count; ++i) {
        if ((others >> i & 1u) == 0) {
            continue;
        }
        const emulator::Meeting &other = running.meetings[first + i];
        items[i] = other.item;
        if (other.line == line && other.mask == mask && (other.name == name || std::strcmp(other.name, name) == 0)) {
            continue;
        }
        if ((other.mask >> own & 1u) != 0) {
            fail(launch_failed, "lane %u is at %s in line %d with mask %#x, lane %u at %s in line %d with mask %#x", own, name, line, mask, i,
                 other.name, other.line, other.mask);
        }
        complete = false;
    }
    if (!complete) {
        waiting |= 1u << own;
        emulator::wait_here(emulator::State::at_exchange);
        return;
    }
    all(items, wanted);
    waiting &= ~others;
    for (unsigned int i = 0; i < count; ++i) {
        if ((others >> i & 1u) != 0) {
            running.states[first + i] = emulator::State::running;
            emulator::make_ready(first + i);
        }
    }
}

namespace {
struct Exchange {
    const void *value;
    std::size_t size;
    int source;
    void *result;
};
} // namespace

void exchange(const char *name, int line, unsigned int mask, const void *value, std::size_t size, int source, void *result) {
    Exchange mine{value, size, source, result};
    meet(name, line, mask, &mine, [](void *const *items, unsigned int lanes) {
        for (unsigned int i = 0; i < 32; ++i) {
            if ((lanes >> i & 1u) == 0) {
                continue;
            }
            const Exchange &one = *static_cast<Exchange *>(items[i]);
            if (one.source < 0 || one.source > 31 || (lanes >> one.source & 1u) == 0) {
                fail(launch_failed, "a shuffle takes the value of lane %d, which takes no part in it", one.source);
            }
            std::memcpy(one.result, static_cast<Exchange *>(items[one.source])->value, one.size);
        }
    });
}

void *dynamic_shared() { return running.dynamic; }

void enter_shared(SharedBase &shared) {
    shared.block = block_number;
    running.shared_size += shared.size;
    if (running.shared_size > std::size_t(48) << 10) {
        fail(launch_failed, "%zu bytes of arrays in shared memory, 49152 are all that a compiler takes", running.shared_size);
    }
    shared.next = running.shared;
    running.shared = &shared;
    std::memset(shared.bytes, 0xff, shared.size);
    std::memset(static_cast<unsigned char *>(shared.bytes) + shared.size, emulator::shared_margin_value, shared_margin);
}

void *device_pointer(const void *pointer, int argument) {
    if (pointer == nullptr) {
        return nullptr;
    }
    std::uint64_t at = reinterpret_cast<std::uint64_t>(pointer);
    emulator::Device *owner = emulator::owner(at);
    if (owner == nullptr) {
        if (emulator::is_pinned(pointer, 0)) {
            return const_cast<void *>(pointer);
        }
        fail(illegal_address, "argument %d is %p, which is no pointer of a device", argument, pointer);
    }
    if (owner != running.device) {
        fail(illegal_address, "argument %d belongs to device %d, the launch is for device %d", argument, owner->ordinal,
             running.device->ordinal);
    }
    emulator::Allocation *one = emulator::find(at);
    if (one == nullptr) {
        fail(illegal_address, "argument %d is %p, where nothing is, or no longer, allocated", argument, pointer);
    }
    running.allocations.push_back(one->pointer);
    return reinterpret_cast<void *>(at - owner->pointers + owner->memory);
}

} // namespace emulated
