# Errors of the library as exceptions.

"""
    EidosError

An error of a call: what is wrong, and what to do about it.

* `status`: the kind of the error, as a `Symbol`: `:invalid_argument`, `:invalid_handle`, `:not_found`, `:unknown_module`,
  `:invalid_file`, `:unsupported`, `:invalid_data`, `:mismatch`, `:io`, `:network`, `:access_denied`, `:cancelled`,
  `:out_of_memory`, `:device`, `:unusable_answer`, `:budget_exhausted`, `:busy`, or `:internal` for a defect in Eidos.
* `message`: what is wrong, and with what.
* `hint`: what to do about it; may be empty.
* `details`: the facts, as a `Dict` from names (`"path"`, `"row"`) to values.

```julia
try
    SplitModel("eidos:demo"; split = "model.layer.2.mlp")
catch error
    error isa EidosError && error.status === :unknown_module || rethrow()
    println(error.hint)
end
```
"""
struct EidosError <: Exception
    status::Symbol
    message::String
    hint::String
    details::Dict{String,String}
end
EidosError(status, message, hint = "") = EidosError(status, message, hint, Dict{String,String}())

function Base.showerror(io::IO, error::EidosError)
    print(io, "EidosError (", error.status, "): ", error.message)
    isempty(error.hint) || print(io, "\n  hint: ", error.hint)
end

status_name(number) = Symbol(unsafe_string(LibEidos.eidos_status_name(number)))

# The number of a status other than `:ok`; `nothing` for another symbol.
function status_number(name)
    number = LibEidos.OK + Int32(1)
    while status_name(number) !== :unknown
        status_name(number) === name && return number
        number += Int32(1)
    end
end

# Runs `call(err)`, which returns a status, and throws the library's error if it failed.
function check(call)
    err = Ref{Ptr{LibEidos.eidos_error}}(C_NULL)
    call(err) == LibEidos.OK || throw(take_error(err[]))
    nothing
end

function take_error(pointer)
    status = status_name(LibEidos.eidos_error_status(pointer))
    read(get, index...) = text(len -> get(pointer, index..., len))
    details = Dict(read(LibEidos.eidos_error_detail_key, index - 1) => read(LibEidos.eidos_error_detail_value, index - 1)
                   for index in 1:LibEidos.eidos_error_detail_count(pointer))
    message, hint = read(LibEidos.eidos_error_message), read(LibEidos.eidos_error_hint)
    LibEidos.eidos_error_free(pointer)
    EidosError(status, message, hint, details)
end

# A copy of the string that `get(len)` returns, which may contain any bytes; `nothing` for NULL.
function text_or_nothing(get)
    len = Ref{Csize_t}(0)
    string = get(len)
    string == C_NULL ? nothing : unsafe_string(Ptr{UInt8}(string), len[])
end

text(get) = something(text_or_nothing(get), "")

# What a function of this package accepts, below Julia's own message that no method matches: a hint of MethodErrors.
function say_what_is_accepted(io, error, types, keywords)
    accepted = signatures(error.f)
    isempty(accepted) || print(io, "\nEidos accepts:\n  ", join(accepted, "\n  "))
end

# The first lines of a function's or a type's docs, which show its calls.
function signatures(called)
    called isa Union{Function,Type} && parentmodule(called) === Eidos || return String[]
    docs = get(Docs.meta(Eidos), Docs.Binding(Eidos, nameof(called)), nothing)
    docs === nothing && return String[]
    lines = (split(join(doc.text), '\n') for doc in values(docs.docs))
    sort!([strip(line) for line in Iterators.flatten(Iterators.takewhile(startswith("    "), found) for found in lines)])
end
