# Texts as a model reads them.

"""
    Vocabulary()

Stands for the tokenizer's vocabulary where texts are expected: each of its entries, run as a sequence of one token.
"""
struct Vocabulary end

"""
    Inputs(model, texts; threads = 0)
    Inputs(model, ids)
    Inputs(model, Vocabulary())
    Inputs(f, model, texts; ...)

Texts as a [`SplitModel`](@ref) reads them: the texts and their tokens, made once for several calls of [`activations`](@ref),
[`logits`](@ref) and [`top_inputs`](@ref), which take texts as well and then make inputs of them. They serve for models with that
tokenizer, whatever their split points; others throw an [`EidosError`](@ref) of `:mismatch`.

Vectors of ids are texts that are token ids already (see [`tokens`](@ref)): the model reads these ids and no others. Each of
their tokens, and each entry of a [`Vocabulary`](@ref), is a column, whatever granularity a call names.

`length(inputs)` says how many texts there are, `inputs[i]` is one of them (`nothing` where there are only ids),
`token_ids(inputs, i)` its ids, from 0, and `token_count(inputs)` says how many tokens all of them have.

# Keywords
$(keyword_docs(INPUTS_OPTIONS_DOCS))
* `progress = nothing`: a function of a [`Progress`](@ref), or `true` for a bar on the terminal.
* `control = nothing`: a [`Control`](@ref) to watch and cancel it.

```julia
inputs = Inputs(model, ["a warm and funny film", "too long by half"])
words = activations(model, inputs)
```
"""
struct Inputs
    handle::Handle{LibEidos.eidos_inputs}
end

function Inputs(model::SplitModel, texts; progress = nothing, control = nothing, keywords...)
    texts, options = strings(texts), inputs_options(; keywords...)
    lengths = Csize_t[sizeof(text) for text in texts]
    handle = Handle{LibEidos.eidos_inputs}()
    # Pointers to strings with a NUL inside, which a `Cstring` could not hold.
    GC.@preserve texts use(model.handle) do pointer
        bytes = Cstring[Cstring(Base.pointer(text)) for text in texts]
        long_call(control, progress) do control
            check(err -> LibEidos.eidos_inputs_from_texts(pointer, bytes, lengths, length(texts), options, control, handle, err))
        end
    end
    Inputs(handle)
end

const Sequences = AbstractVector{<:AbstractVector{<:Integer}}

function Inputs(model::SplitModel, sequences::Sequences; keywords...)
    ids, lengths = reduce(vcat, sequences; init = UInt32[]), Vector{Csize_t}(length.(sequences))
    made(model; keywords...) do pointer, handle, err
        LibEidos.eidos_inputs_from_token_ids(pointer, Vector{UInt32}(ids), length(ids), lengths, length(lengths), handle, err)
    end
end

Inputs(model::SplitModel, ::Vocabulary; keywords...) =
    made(LibEidos.eidos_inputs_from_vocabulary, model; keywords...)

Inputs(f::Function, model::SplitModel, texts; keywords...) = closing(f, Inputs(model, texts; keywords...))

# Inputs that are made at once: they need neither threads nor progress.
function made(call, model; progress = nothing, control = nothing, keywords...)
    inputs_options(; keywords...)
    handle = Handle{LibEidos.eidos_inputs}()
    use(pointer -> check(err -> call(pointer, handle, err)), model.handle)
    Inputs(handle)
end

# Runs `call` with the inputs of a model: those that are there, or those that are made for this call and closed after it.
with_inputs(call, model, inputs::Inputs; watching...) = call(inputs.handle)
function with_inputs(call, model, texts; watching...)
    inputs = Inputs(model, texts; watching...)
    try
        call(inputs.handle)
    finally
        close(inputs)
    end
end

Base.length(inputs::Inputs) = Int(use(LibEidos.eidos_inputs_text_count, inputs.handle))
Base.firstindex(::Inputs) = 1
Base.lastindex(inputs::Inputs) = length(inputs)

function Base.getindex(inputs::Inputs, index::Integer)
    1 <= index <= length(inputs) || throw(BoundsError(inputs, index))
    use(pointer -> text_or_nothing(len -> LibEidos.eidos_inputs_text(pointer, index - 1, len)), inputs.handle)
end

"""
    token_ids(inputs, i)

The token ids of a text of [`Inputs`](@ref), from 0, special ones included, cut to what the model can read.
"""
function token_ids(inputs::Inputs, index::Integer)
    1 <= index <= length(inputs) || throw(BoundsError(inputs, index))
    ids, count = Ref{Ptr{UInt32}}(C_NULL), Ref{Csize_t}(0)
    use(inputs.handle) do pointer
        check(err -> LibEidos.eidos_inputs_token_ids(pointer, index - 1, ids, count, err))
        Int.(unsafe_wrap(Vector{UInt32}, ids[], count[]))
    end
end

"""
    token_count(inputs)

How many tokens all texts of [`Inputs`](@ref) have, special ones included: the columns of their activations with
`granularity = :all_tokens`.
"""
token_count(inputs::Inputs) = Int(use(LibEidos.eidos_inputs_token_count, inputs.handle))

Base.show(io::IO, inputs::Inputs) = isopen(inputs) ?
    print(io, "Inputs of ", length(inputs), " texts, ", token_count(inputs), " tokens") : print(io, "Inputs (closed)")
