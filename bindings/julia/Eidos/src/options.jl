# Choices by name, and options structs.

const TEXT_FORMATS = (auto = 0, lines = 1, json_lines = 2)
const HEADS = (auto = 0, base = 1, masked_lm = 2, sequence_classification = 3, causal_lm = 4, token_classification = 5, seq2seq_lm = 6)
const DEVICES = (cpu = 0, cuda = 1)
const NETWORKS = (auto = 0, offline = 1, online = 2)
const GRANULARITIES = (token = 1, word = 2, sentence = 3, sample = 4, all_tokens = 5, cls_token = 6)
const WORD_RULES = (auto = 1, tokenizer = 2, unicode = 3)
const AGGREGATIONS = (mean = 1, sum = 2, max = 3, min = 4, signed_max = 5, first = 6, last = 7)
const ALGORITHMS = (parallel = 1, deflation = 2)
const CONTRASTS = (logcosh = 1, exp = 2, cube = 3)
const SAMPLINGS = (top = 1, random = 2, quantile = 3)
const POLES = (positive = 0, negative = 1)

# The number of a choice: `choice(:granularity, :word, GRANULARITIES)`.
function choice(what, name, choices)
    haskey(choices, Symbol(name)) && return UInt32(choices[Symbol(name)])
    throw(ArgumentError("$what cannot be $(repr(name)); choose one of $(join(repr.(keys(choices)), ", "))"))
end

# The name of a number of the library; `nothing` for 0 where that is no choice.
function chosen(number, choices)
    index = findfirst(==(number), values(choices))
    index === nothing ? nothing : keys(choices)[index]
end

# An options struct for one call, with the strings and arrays that it points to.
struct Options{T}
    fields::T
    roots::Vector{Any}
end

"""
    Options{T}(; field = value, ...)

The defaults of an options struct `T` with some fields set; `nothing` leaves a default. A `String`, an array or a mutable
object becomes the pointer to it.
"""
function Options{T}(; fields...) where {T}
    options = Options{T}(T(), [])
    check(err -> initialize!(options, sizeof(T)))
    for (name, value) in pairs(fields)
        value === nothing || setfield!(options.fields, name, field(fieldtype(T, name), name, value, options.roots))
    end
    options
end

# The functions that initialize have no error: their only fault would be a wrong size.
initialize!(o::Options{LibEidos.eidos_texts_options}, size) = LibEidos.eidos_texts_options_init(o, size)
initialize!(o::Options{LibEidos.eidos_load_options}, size) = LibEidos.eidos_load_options_init(o, size)
initialize!(o::Options{LibEidos.eidos_activations_options}, size) = LibEidos.eidos_activations_options_init(o, size)
initialize!(o::Options{LibEidos.eidos_logits_options}, size) = LibEidos.eidos_logits_options_init(o, size)
initialize!(o::Options{LibEidos.eidos_ica_options}, size) = LibEidos.eidos_ica_options_init(o, size)
initialize!(o::Options{LibEidos.eidos_pca_options}, size) = LibEidos.eidos_pca_options_init(o, size)
initialize!(o::Options{LibEidos.eidos_top_inputs_options}, size) = LibEidos.eidos_top_inputs_options_init(o, size)
initialize!(o::Options{LibEidos.eidos_chat_options}, size) = LibEidos.eidos_chat_options_init(o, size)
initialize!(o::Options{LibEidos.eidos_llm_labels_options}, size) = LibEidos.eidos_llm_labels_options_init(o, size)

field(::Type{T}, name, value, roots) where {T<:AbstractFloat} = T(value)

function field(::Type{T}, name, value, roots) where {T<:Unsigned}
    isinteger(value) && 0 <= value <= typemax(T) && return T(value)
    throw(ArgumentError("$name cannot be $value; give a whole number from 0 to $(typemax(T))"))
end

function field(::Type{Ptr{UInt8}}, name, value, roots)
    text = Base.cconvert(Cstring, String(value))
    push!(roots, text)
    Ptr{UInt8}(Base.unsafe_convert(Cstring, text))
end

function field(::Type{Ptr{Csize_t}}, name, value, roots)
    numbers = Vector{Csize_t}(value)
    push!(roots, numbers)
    pointer(numbers)
end

function field(::Type{Ptr{Cstring}}, name, value, roots)
    texts = Base.cconvert.(Cstring, value)
    pointers = Cstring[Base.unsafe_convert(Cstring, text) for text in texts]
    push!(roots, texts, pointers)
    pointer(pointers)
end

field(::Type{Ptr{Cvoid}}, name, callback::Ptr, roots) = callback
function field(::Type{Ptr{Cvoid}}, name, data, roots)
    push!(roots, data)
    pointer_from_objref(data)
end

Base.cconvert(::Type{Ptr{T}}, options::Options{T}) where {T} = options
Base.unsafe_convert(::Type{Ptr{T}}, options::Options{T}) where {T} = Ptr{T}(pointer_from_objref(options.fields))
