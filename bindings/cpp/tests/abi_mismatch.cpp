// A library of another binary interface: every call says so. This program's own function stands in front of the library's.
#include <eidos.hpp>

#include <iostream>

extern "C" uint32_t eidos_abi_version(void) { return EIDOS_ABI_VERSION + 1; }

int main()
{
    try {
        static_cast<void>(eidos::SplitModel::load("eidos:demo"));
    } catch (const eidos::Error &error) {
        std::cout << error.what() << '\n';
        return error.status() == eidos::Status::unsupported && !error.hint().empty() ? 0 : 1;
    }
    std::cout << "nothing was thrown\n";
    return 1;
}
