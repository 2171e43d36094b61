// The modules of a model, to choose a split point from: modules [MODEL]
//
// MODEL is a folder, a Hub id or eidos:demo. No weights are read.
#include <eidos.hpp>

#include <algorithm>
#include <exception>
#include <iomanip>
#include <iostream>

int main(int argc, char **argv)
try {
    const auto modules = eidos::SplitModel::load(argc > 1 ? argv[1] : "eidos:demo").modules();
    for (const auto &module : modules)
        std::cout << (module.can_split ? "* " : "  ") << std::left << std::setw(40) << module.path << ' ' << module.kind
                  << '\n';
    std::cout << modules.size() << " modules, " << std::ranges::count(modules, true, &eidos::Module::can_split)
              << " of them (*) can be split points\n";
} catch (const std::exception &error) {
    std::cerr << "error: " << error.what() << '\n';
    return 1;
}
