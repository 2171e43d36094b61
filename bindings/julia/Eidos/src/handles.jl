# Handles of the library and their lifetimes.
#
# The garbage collector may finalize a handle on any thread, and a task may close it while another one is inside a call with
# it. So each handle counts the calls that use it. Closing marks it: no further call begins, and the last call to end frees
# it. There is no lock, so a finalizer never waits.

mutable struct Handle{T}
    pointer::Ptr{T} # first, so that the library writes it: see `unsafe_convert` below
    state::Threads.Atomic{Int} # how many calls use it, plus CLOSED when it was closed
    function Handle{T}(pointer = C_NULL) where {T}
        finalizer(close, new(pointer, Threads.Atomic{Int}(0)))
    end
end

const CLOSED = typemin(Int)

free(pointer::Ptr{LibEidos.eidos_control}) = LibEidos.eidos_control_free(pointer)
free(pointer::Ptr{LibEidos.eidos_devices}) = LibEidos.eidos_devices_free(pointer)
free(pointer::Ptr{LibEidos.eidos_texts}) = LibEidos.eidos_texts_free(pointer)
free(pointer::Ptr{LibEidos.eidos_inputs}) = LibEidos.eidos_inputs_free(pointer)
free(pointer::Ptr{LibEidos.eidos_interventions}) = LibEidos.eidos_interventions_free(pointer)
free(pointer::Ptr{LibEidos.eidos_split_model}) = LibEidos.eidos_split_model_free(pointer)
free(pointer::Ptr{LibEidos.eidos_activations}) = LibEidos.eidos_activations_free(pointer)
free(pointer::Ptr{LibEidos.eidos_explainer}) = LibEidos.eidos_explainer_free(pointer)
free(pointer::Ptr{LibEidos.eidos_chat}) = LibEidos.eidos_chat_free(pointer)
free(pointer::Ptr{LibEidos.eidos_interpretation}) = LibEidos.eidos_interpretation_free(pointer)
free(pointer::Ptr{LibEidos.eidos_explanation}) = LibEidos.eidos_explanation_free(pointer)

# As an output, a new handle receives its pointer from the library directly, so that no interrupt can lose it.
Base.cconvert(::Type{Ptr{Ptr{T}}}, handle::Handle{T}) where {T} = handle
Base.unsafe_convert(::Type{Ptr{Ptr{T}}}, handle::Handle{T}) where {T} = Ptr{Ptr{T}}(pointer_from_objref(handle))

Base.isopen(handle::Handle) = handle.state[] >= 0

function Base.close(handle::Handle)
    state = handle.state[]
    while state >= 0
        seen = Threads.atomic_cas!(handle.state, state, state + CLOSED)
        if seen == state
            state == 0 && free(handle.pointer)
            return nothing
        end
        state = seen
    end
end

function acquire(handle::Handle)
    state = handle.state[]
    while state >= 0
        seen = Threads.atomic_cas!(handle.state, state, state + 1)
        seen == state && return handle.pointer
        state = seen
    end
    throw(closed(handle))
end

function release(handle::Handle)
    Threads.atomic_sub!(handle.state, 1) == CLOSED + 1 && free(handle.pointer)
    nothing
end

function closed(::Handle{T}) where {T}
    name = replace(replace(string(nameof(T)), "eidos_" => ""), "_" => " ")
    EidosError(:invalid_handle, "the $name was closed", "make or open it again, and close it after its last use")
end

# Runs `call` with the pointers of handles, which stay alive meanwhile.
function use(call, handle::Handle)
    pointer = acquire(handle)
    try
        call(pointer)
    finally
        release(handle)
    end
end
use(call, handle::Handle, others::Handle...) =
    use(pointer -> use((pointers...) -> call(pointer, pointers...), others...), handle)

# Keeps a handle in use until the garbage collector frees this object; for memory of the library that Julia arrays refer to.
mutable struct Retained{T}
    handle::Handle{T}
    function Retained(handle::Handle{T}) where {T}
        acquire(handle)
        finalizer(retained -> release(retained.handle), new{T}(handle))
    end
end
