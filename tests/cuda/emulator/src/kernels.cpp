// Modules and functions: kernels that build.sh compiled for the processor, found by the names in the text of a module.
#include "../shim/emulated.h"
#include "emulator.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <set>

namespace emulator {

struct Function {
    const emulated::Kernel *kernel;
    unsigned int allowed_shared;
};

struct Module {
    // What the text of the module declares; empty where a compiler that writes no code made it.
    std::set<std::string> entries;
    std::string source;
    std::map<const emulated::Kernel *, std::unique_ptr<Function>> functions;
};

namespace {

std::vector<emulated::Kernel> &kernels() {
    static auto *all = new std::vector<emulated::Kernel>;
    return *all;
}

std::set<Module *> modules;
std::set<const Function *> functions;

std::set<std::string> entries_of(const std::string &text) {
    std::set<std::string> found;
    const std::string word = ".entry";
    for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at)) {
        std::size_t begin = text.find_first_not_of(" \t\r\n", at + word.size());
        std::size_t end = begin;
        while (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) != 0 || text[end] == '_' || text[end] == '$')) {
            ++end;
        }
        if (end != begin) {
            found.insert(text.substr(begin, end - begin));
        }
        at += word.size();
    }
    return found;
}

} // namespace

Module *load_module(const char *text) {
    if (text[0] == 0x7f || static_cast<unsigned char>(text[0]) >= 0x80) {
        report("the module is no PTX text");
        return nullptr;
    }
    auto made = std::make_unique<Module>();
    made->entries = entries_of(text);
    // The source that has most of the module's kernels is the one that it was compiled from.
    std::map<std::string, std::size_t> common;
    for (const emulated::Kernel &one : kernels()) {
        common[one.source] += made->entries.count(one.name);
    }
    std::size_t most = 0;
    for (const auto &one : common) {
        if (one.second > most) {
            most = one.second;
            made->source = one.first;
        }
    }
    live.modules += 1;
    modules.insert(made.get());
    return made.release();
}

bool unload_module(Module *module) {
    if (modules.erase(module) == 0) {
        return false;
    }
    for (const auto &one : module->functions) {
        functions.erase(one.second.get());
    }
    delete module;
    live.modules -= 1;
    return true;
}

Function *find_function(Module *module, const char *name, Status &status) {
    status = not_found;
    if (modules.count(module) == 0) {
        status = invalid_handle;
        return nullptr;
    }
    if (!module->entries.empty() && module->entries.count(name) == 0) {
        report("the module has no kernel %s", name);
        return nullptr;
    }
    const emulated::Kernel *found = nullptr;
    for (const emulated::Kernel &one : kernels()) {
        if (std::strcmp(one.name, name) != 0 || (!module->source.empty() && module->source != one.source)) {
            continue;
        }
        if (found != nullptr) {
            report("kernel %s is in %s and in %s; compile with tests/cuda/emulator/nvcc, which names the kernels of a module", name,
                   found->source, one.source);
            return nullptr;
        }
        found = &one;
    }
    if (found == nullptr) {
        report("kernel %s is not among those that build.sh compiled", name);
        return nullptr;
    }
    status = success;
    std::unique_ptr<Function> &one = module->functions[found];
    if (one == nullptr) {
        one.reset(new Function{found, 48u << 10});
        functions.insert(one.get());
    }
    return one.get();
}

bool is_function(const Function *function) { return functions.count(function) != 0; }
const char *function_name(const Function *function) { return function->kernel->name; }
unsigned int allowed_shared(const Function *function) { return function->allowed_shared; }

bool allow_shared(Function *function, unsigned int bytes) {
    if (bytes > 227u << 10) {
        return false;
    }
    function->allowed_shared = std::max(48u << 10, bytes);
    return true;
}

std::shared_ptr<void> pack_arguments(const Function &function, void **parameters) {
    return std::shared_ptr<emulated::Arguments>(function.kernel->pack(parameters));
}

Status check_launch(Function *function, const Launch &launch) {
    const unsigned int *g = launch.grid, *b = launch.block;
    std::uint64_t threads = std::uint64_t(b[0]) * b[1] * b[2];
    bool grid = g[0] > 0 && g[1] > 0 && g[2] > 0 && g[0] <= 0x7fffffffu && g[1] <= 65535 && g[2] <= 65535;
    bool block = threads > 0 && threads <= 1024 && b[2] <= 64;
    if (!grid || !block) {
        return failed(invalid_value, "%s: a grid of (%u, %u, %u) blocks of (%u, %u, %u) threads", function_name(function), g[0], g[1], g[2],
                      b[0], b[1], b[2]);
    }
    if (launch.shared > function->allowed_shared) {
        return failed(invalid_value, "%s: %u bytes of dynamic shared memory, %u are allowed", function_name(function), launch.shared,
                      function->allowed_shared);
    }
    return success;
}

} // namespace emulator

emulated::Registrar::Registrar(const char *source, const char *name, std::unique_ptr<Arguments> (*pack)(void **)) {
    emulator::kernels().push_back(Kernel{source, name, pack});
}
