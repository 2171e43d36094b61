/// What the library that was loaded can do, and the GPUs that it could use.
#ifndef EIDOS_DEVICES_HPP
#define EIDOS_DEVICES_HPP

#include "detail/call.hpp"
#include "detail/handle.hpp"

#include <eidos.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace eidos {

/// A GPU, as its driver describes it.
struct DeviceInfo {
    /// The number for LoadOptions::device_index.
    std::uint32_t index = 0;
    /// The name that its makers gave it (`NVIDIA H100 80GB HBM3`).
    std::string name;
    /// Its memory in bytes.
    std::uint64_t total_memory = 0;
    /// The bytes of it that nobody used when the devices were listed; 0 where the driver does not say.
    std::uint64_t free_memory = 0;
    /// Its compute capability times ten: 90 for 9.0. Eidos needs 80.
    std::uint32_t compute_capability = 0;
    /// Why Eidos cannot use it; nothing where it can.
    std::optional<std::string> problem;
};

/// A library that a GPU needs.
struct DeviceLibrary {
    /// The name that its makers gave it (`cuBLAS`).
    std::string name;
    /// Its version (`13.0`; of the driver, the newest CUDA that it serves); nothing where the library is missing.
    std::optional<std::string> version;
};

/// The GPUs of this machine, and what is there and what is missing to use one.
struct Devices {
    /// The GPUs, in the order of their indices.
    std::vector<DeviceInfo> gpus;
    /// The libraries that a GPU needs; none where the library was built without CUDA.
    std::vector<DeviceLibrary> libraries;
    /// Why Eidos can use no GPU, and what to do; nothing where it can use one.
    std::optional<std::string> reason;
};

/// Lists the GPUs of this machine. Where there is none, the list is empty, and the reason says why.
[[nodiscard]] inline Devices list_devices()
{
    const auto devices = detail::create<detail::Handle<eidos_devices>>(eidos_devices_list);
    const eidos_devices *handle = devices.handle();
    Devices result;
    for (std::size_t index = 0; index < eidos_devices_count(handle); index++)
        result.gpus.push_back({static_cast<std::uint32_t>(index), detail::text(eidos_devices_name, handle, index),
                               eidos_devices_total_memory(handle, index), eidos_devices_free_memory(handle, index),
                               eidos_devices_compute_capability(handle, index),
                               detail::optional_text(eidos_devices_problem, handle, index)});
    for (std::size_t index = 0; index < eidos_devices_library_count(handle); index++)
        result.libraries.push_back({detail::text(eidos_devices_library_name, handle, index),
                                    detail::optional_text(eidos_devices_library_version, handle, index)});
    result.reason = detail::optional_text(eidos_devices_reason, handle);
    return result;
}

/// Names the features that the library was built with: `hub`, `chat`, `demo-model`, `cuda`.
[[nodiscard]] inline std::vector<std::string> features()
{
    detail::check_abi();
    std::vector<std::string> result;
    const std::string names = eidos_features();
    for (std::size_t begin = 0; begin < names.size();) {
        const std::size_t end = std::min(names.find(' ', begin), names.size());
        result.push_back(names.substr(begin, end - begin));
        begin = end + 1;
    }
    return result;
}

} // namespace eidos

#endif
