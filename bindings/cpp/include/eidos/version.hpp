/// The version of the library that was loaded.
#ifndef EIDOS_VERSION_HPP
#define EIDOS_VERSION_HPP

#include <eidos.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace eidos {

/// The version of the library that was loaded (`0.1.0`).
inline std::string_view version() { return eidos_version(); }

/// The version of the binary interface of the loaded library. Every call compares it with EIDOS_ABI_VERSION, for which
/// the program was compiled, and throws an Error where they differ.
inline std::uint32_t abi_version() { return eidos_abi_version(); }

/// How many handles of all types exist in this process; for leak checks.
inline std::size_t debug_live_handles() { return eidos_debug_live_handles(); }

} // namespace eidos

#endif
