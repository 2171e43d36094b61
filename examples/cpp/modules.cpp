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
              << " of them (*) can be split points\n"
              << "where to start, and what part of the blocks a run up to there takes:\n";
    for (const auto &module : modules)
        if (module.is_recommended)
            std::cout << "  " << std::left << std::setw(40) << module.path << ' ' << module.width << " columns, "
                      << static_cast<int>(100 * module.cost + 0.5) << " %\n";
} catch (const std::exception &error) {
    std::cerr << "error: " << error.what() << '\n';
    return 1;
}
