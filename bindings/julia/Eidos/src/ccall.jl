# The macros with which LibEidos.jl declares functions of C.

# A declared function: where its address is stored (NULL until the library is loaded), its arguments and its result.
const FUNCTIONS = Dict{Symbol,Tuple{Base.RefValue{Ptr{Cvoid}},Vector{Any},Any}}()

"Fills in the address of each function of a library that `Libdl.dlopen` has opened."
function bind!(address)
    for (name, (pointer, _, _)) in FUNCTIONS
        pointer[] = address(name)
    end
end

"`@c name(argument::Type, ...)::Result`: a C function that returns at once."
macro c(signature)
    declare(signature, false)
end

"""
As `@c`, for a call that may take long. While it runs, its thread is marked as safe for the garbage collector, so that other
Julia threads can collect without waiting for it. It uses no Julia memory except what its arguments keep alive.
"""
macro long(signature)
    declare(signature, true)
end

function declare(signature, is_long)
    call, result = signature.args
    name, arguments = call.args[1], call.args[2:end]
    names = [argument.args[1] for argument in arguments]
    types = [argument.args[2] for argument in arguments]
    address = Symbol("address_of_", name)
    body = is_long ? gc_safe_call(address, result, names, types) :
           :(ccall($address[], $result, ($(types...),), $(names...)))
    quote
        const $address = Ref{Ptr{Cvoid}}(C_NULL)
        FUNCTIONS[$(QuoteNode(name))] = ($address, Any[$(types...)], $result)
        @inline $name($(names...)) = $body
    end |> esc
end

# Arguments are converted before the thread is marked as safe, so that it runs only the call itself while it is.
function gc_safe_call(address, result, names, types)
    roots = [gensym(name) for name in names]
    values = [gensym(name) for name in names]
    convert_all = [:($root = Base.cconvert($type, $name)) for (root, type, name) in zip(roots, types, names)]
    unsafe_all = [:($value = Base.unsafe_convert($type, $root)) for (value, type, root) in zip(values, types, roots)]
    quote
        $(convert_all...)
        GC.@preserve $(roots...) begin
            $(unsafe_all...)
            function_address = $address[]
            gc_state = ccall(:jl_gc_safe_enter, Int8, ())
            returned = ccall(function_address, $result, ($(types...),), $(values...))
            ccall(:jl_gc_safe_leave, Cvoid, (Int8,), gc_state)
            returned
        end
    end
end
