/// Activations as DLPack tensors and back, without a copy. Include your dlpack.h, of version 1.0 or later, before this file.
#ifndef EIDOS_DLPACK_HPP
#define EIDOS_DLPACK_HPP

#include "activations.hpp"
#include "detail/call.hpp"
#include "strings.hpp"

#include <eidos.h>

#include <cstddef>
#include <memory>

namespace eidos {

/// Runs a tensor's own deleter.
struct DLPackDeleter {
    void operator()(DLManagedTensorVersioned *tensor) const noexcept
    {
        if (tensor->deleter)
            tensor->deleter(tensor);
    }
};

/// Frees a tensor with its deleter; `release()` passes that duty to another library.
using DLPackTensor = std::unique_ptr<DLManagedTensorVersioned, DLPackDeleter>;

/// Activations from a DLPack tensor, version 1, of shape (rows, columns), 32-bit floats, contiguous. On the CPU nothing is
/// copied: the tensor's deleter runs with the last of the activations, or at once when this throws. Rows on a GPU (kDLCUDA)
/// stay there, in a copy, after which the deleter runs; synchronise the stream that writes them before. `unit_texts` names
/// each row.
[[nodiscard]] inline Activations from_dlpack(DLPackTensor tensor, const StringArgs &unit_texts = {})
{
    Activations result =
        detail::create<Activations>(eidos_activations_from_dlpack, tensor.get(), unit_texts.data(), unit_texts.size());
    static_cast<void>(tensor.release());
    return result;
}

/// The rows as a read-only DLPack tensor, version 1, without a copy, on the CPU or on the GPU where they stay (kDLCUDA; all
/// work on them is done). They stay alive until its deleter runs. Throws an Error where the rows lie in several shards on
/// disk.
[[nodiscard]] inline DLPackTensor to_dlpack(const Activations &activations)
{
    DLManagedTensorVersioned *tensor = nullptr;
    detail::call(eidos_activations_to_dlpack, activations.handle(), &tensor);
    return DLPackTensor(tensor);
}

} // namespace eidos

#endif
