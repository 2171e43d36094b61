# Texts that come one after the other.

# What the library's callback is given: the iterator, where it is, the text that the library reads, and what was thrown.
mutable struct Source
    texts::Any
    state::Any
    begun::Bool
    text::String
    thrown::Any
end

# The library calls this on the thread that made the long call: see `on_progress`.
function on_text(text::Ptr{Cstring}, len::Ptr{Csize_t}, source::Ptr{Cvoid})
    gc_state = ccall(:jl_gc_unsafe_enter, Int8, ())
    status = next_text!(text, len, source)
    ccall(:jl_gc_unsafe_leave, Cvoid, (Int8,), gc_state)
    status
end

# No exception may cross the library.
@noinline function next_text!(text, len, pointer)::LibEidos.eidos_status
    source = unsafe_pointer_to_objref(pointer)::Source
    try
        next = Base.reenable_sigint() do
            GC.safepoint()
            source.begun ? iterate(source.texts, source.state) : iterate(source.texts)
        end
        source.begun = true
        next === nothing && return LibEidos.OK
        item, source.state = next
        item isa AbstractString || throw(ArgumentError("the iterator gave a value of type $(typeof(item)), not a text"))
        source.text = String(item)
        unsafe_store!(text, Cstring(Base.pointer(source.text)))
        unsafe_store!(len, sizeof(source.text))
        LibEidos.OK
    catch thrown
        source.thrown = thrown
        thrown isa InterruptException ? LibEidos.CANCELLED : LibEidos.IO
    end
end

"""
    stream_activations(model, texts; granularity = :word, aggregation = :mean, interventions = nothing, ...)

The [`Activations`](@ref) of texts that an iterator gives one after the other, with the keywords of [`activations`](@ref): the same
numbers as those of all texts at once. The columns of the first texts lie in shards on disk before the last texts are asked for, and
memory is bounded by one shard; so a corpus need not be in memory. [`Interventions`](@ref) count tokens over all texts.

What the iterator throws is thrown. What is complete in a `folder` is kept, and the same texts into the same folder go on from there;
they are read again from the first one on. With a folder of other texts, an [`EidosError`](@ref) of `:mismatch` is thrown.

```julia
stream_activations(model, eachline("corpus.txt"); folder = "activations")
```
"""
function stream_activations(model::SplitModel, texts; interventions = nothing, progress = nothing, control = nothing,
                            keywords...)
    options = activations_options(; keywords...)
    source = Source(texts, nothing, false, "", nothing)
    callback = @cfunction(on_text, LibEidos.eidos_status, (Ptr{Cstring}, Ptr{Csize_t}, Ptr{Cvoid}))
    handles = try
        use(model.handle) do pointer
            use_interventions(interventions) do interventions
                long_call(control, progress) do control
                    out = fill(Ptr{LibEidos.eidos_activations}(C_NULL), length(model.features))
                    GC.@preserve source check() do err
                        LibEidos.eidos_split_model_stream_activations(pointer, callback, pointer_from_objref(source), interventions,
                                                                      options, control, out, length(out), err)
                    end
                    Handle{LibEidos.eidos_activations}.(out)
                end
            end
        end
    catch
        source.thrown === nothing ? rethrow() : throw(source.thrown)
    end
    model.split isa String ? Activations(handles[1]) : Activations.(handles)
end
