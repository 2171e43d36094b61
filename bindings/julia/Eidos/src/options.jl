# Enumerations by name, and options structs: the helpers that generated.jl uses.

# The number of a choice: `choice(:granularity, :word, GRANULARITIES)`.
function choice(what, name, choices)
    haskey(choices, Symbol(name)) && return UInt32(choices[Symbol(name)])
    throw(ArgumentError("$what cannot be $(repr(name)); choose one of $(join(repr.(keys(choices)), ", "))"))
end

# The name of a number of the library; `nothing` for 0 if that is not a choice.
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
    check(err -> initialize!(options, sizeof(T))) # it reports no error; only a wrong size could make it fail
    for (name, value) in pairs(fields)
        value === nothing || setfield!(options.fields, name, field(fieldtype(T, name), name, value, options.roots))
    end
    options
end

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

# Strings of an array; `nothing` where there is none.
strings_of(::Nothing) = nothing
strings_of(texts) = strings(texts)

# The length of an array; `nothing` where there is none.
count_of(::Nothing) = nothing
count_of(values) = length(values)

"""
    keyword_docs(docs; hidden = (), names...)

The list of keywords for a docstring, from the docs of an options struct, without those that are `hidden`. `names` renames
keywords.
"""
function keyword_docs(docs; hidden = (), names...)
    lines = map(filter(!in(hidden), collect(keys(docs)))) do field
        default, doc = docs[field]
        name = string(get(names, field, field), isempty(default) ? "" : " = $default")
        "* `$name`: $doc"
    end
    join(lines, "\n")
end
