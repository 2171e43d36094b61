# DLPack: tensors that other libraries of this process own, and ours for them, without a copy.
#
# These functions are for packages that exchange tensors. `Ptr{Eidos.DLTensor}` is a `DLManagedTensorVersioned *`.

const DLTensor = LibEidos.DLManagedTensorVersioned

"""
    Eidos.to_dlpack(acts)

The activations as a read-only DLPack tensor of version 1 and shape (observations, features), without a copy: on the CPU, or
on the GPU where they stay (`kDLCUDA`; all work on them is done). It lives on when the activations are closed, until its
deleter runs: pass it on, or call [`Eidos.delete_dlpack`](@ref). Throws an [`EidosError`](@ref) where they lie in several
shards on disk.
"""
function to_dlpack(acts::Activations)
    tensor = Ref{Ptr{DLTensor}}(C_NULL)
    use(pointer -> check(err -> LibEidos.eidos_activations_to_dlpack(pointer, tensor, err)), acts.handle)
    tensor[]
end

"""
    Eidos.from_dlpack(tensor; units = nothing)

[`Activations`](@ref) from a DLPack tensor of version 1 and shape (observations, features) of contiguous `Float32`. On the CPU
nothing is copied. On a GPU (`kDLCUDA`) the rows stay there, in a copy, after which the deleter runs; synchronise the stream
that writes them before. The tensor belongs to the activations: they run its deleter in the end, on any thread. On an error it
is still yours.
"""
function from_dlpack(tensor::Ptr{DLTensor}; units::Union{Nothing,AbstractVector} = nothing)
    handle = Handle{LibEidos.eidos_activations}()
    names = unit_names(units)
    check(err -> LibEidos.eidos_activations_from_dlpack(tensor, names, length(names), handle, err))
    Activations(handle)
end

"Runs the deleter of a tensor of [`Eidos.to_dlpack`](@ref) that nobody took."
function delete_dlpack(tensor::Ptr{DLTensor})
    deleter = unsafe_load(Ptr{Ptr{Cvoid}}(tensor), 3) # after the version and the context
    deleter == C_NULL || ccall(deleter, Cvoid, (Ptr{DLTensor},), tensor)
    nothing
end
