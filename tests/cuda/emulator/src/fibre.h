// Fibres: a stack each, switched by hand on one thread of the processor. x86-64 only.
#pragma once

#include <cstddef>
#include <vector>

namespace emulator {

struct Fibre {
    void *stack_pointer;
    unsigned char *stack;
    unsigned int thread;
};

// Leaves the stack of `from` for that of `to`.
void switch_fibre(Fibre &from, const Fibre &to);
// Makes the fibre start with `body` when it is next switched to; `body` never returns.
void start_fibre(Fibre &fibre, void (*body)());
// A fibre with a stack between guard pages. Stacks are kept for the next launch.
Fibre *take_fibre();
void give_fibre(Fibre *fibre);

} // namespace emulator
