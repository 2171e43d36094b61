#include "fibre.h"

#include <cstdint>
#include <sys/mman.h>

extern "C" void emulator_switch(void **from, void *to);

// Saves what the calling convention lets a function keep, changes the stack, takes the same from there.
__asm__(R"(
    .text
    .p2align 4
    .hidden emulator_switch
    .globl emulator_switch
    .type emulator_switch, @function
emulator_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size emulator_switch, .-emulator_switch
)");

namespace emulator {
namespace {

constexpr std::size_t page = 4096;
constexpr std::size_t stack_size = std::size_t(128) << 10;

std::vector<Fibre *> &kept() {
    static auto *all = new std::vector<Fibre *>;
    return *all;
}

} // namespace

void switch_fibre(Fibre &from, const Fibre &to) { emulator_switch(&from.stack_pointer, to.stack_pointer); }

void start_fibre(Fibre &fibre, void (*body)()) {
    // Six saved registers and the address to return to, so that `body` finds the stack as after a call. Stacks begin at different
    // lines of the cache.
    std::size_t shift = (reinterpret_cast<std::uintptr_t>(fibre.stack) / (stack_size + page)) % 32 * 64;
    void **top = reinterpret_cast<void **>(fibre.stack + stack_size - 256 - shift);
    for (int i = 0; i < 6; ++i) {
        top[i] = nullptr;
    }
    top[6] = reinterpret_cast<void *>(body);
    top[7] = nullptr;
    fibre.stack_pointer = top;
}

Fibre *take_fibre() {
    if (!kept().empty()) {
        Fibre *last = kept().back();
        kept().pop_back();
        return last;
    }
    void *range = mmap(nullptr, stack_size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (range == MAP_FAILED) {
        return nullptr;
    }
    mprotect(range, page, PROT_NONE);
    return new Fibre{nullptr, static_cast<unsigned char *>(range) + page, 0};
}

void give_fibre(Fibre *fibre) { kept().push_back(fibre); }

} // namespace emulator
