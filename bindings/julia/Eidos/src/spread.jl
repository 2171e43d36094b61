# Fits on rows that are spread over several processes.

# A fit on activations that are spread: their function, and what it threw.
mutable struct Summing
    reduce::Any
    thrown::Any
end

const SUMMING = :eidos_summing

# The library calls this on the thread that made the long call: see `on_progress`.
function on_sum(values::Ptr{Cdouble}, count::Csize_t, ::Ptr{Cvoid})
    gc_state = ccall(:jl_gc_unsafe_enter, Int8, ())
    status = sum_across!(values, count)
    ccall(:jl_gc_unsafe_leave, Cvoid, (Int8,), gc_state)
    status
end

# Exceptions must not pass through the library.
@noinline function sum_across!(values, count)::LibEidos.eidos_status
    summing = task_local_storage(SUMMING)::Summing
    try
        Base.reenable_sigint() do
            GC.safepoint()
            summing.reduce(unsafe_wrap(Array, values, Int(count)))
        end
        LibEidos.OK
    catch thrown
        summing.thrown = thrown
        thrown isa InterruptException ? LibEidos.CANCELLED : LibEidos.IO
    end
end

"""
    spread(sum!, acts)

The same [`Activations`](@ref), without a copy, as the share that this process has of columns that are spread over several
processes. A [`fit`](@ref) on them adds its sums to those of the other processes: each process makes the same fit of its own
share, and all of them end with the same concepts.

`sum!` is called with a `Vector{Float64}`, which it must replace by its sum over all processes, with the same bits in each of
them. It runs in the task that fits, and may wait there; the vector must not be used after it returns. What it throws ends the
fit, which throws the same exception. A process that fails, or that somebody cancels, ends the others too, with an
[`EidosError`](@ref) of `:cancelled`. Whatever is not a fit sees the columns of this process alone.

```julia
using MPI
share = spread(values -> MPI.Allreduce!(values, +, MPI.COMM_WORLD), acts)
explainer = fit(ICA(20), share)
```
"""
function spread(sum!, acts::Activations)
    callback = @cfunction(on_sum, LibEidos.eidos_status, (Ptr{Cdouble}, Csize_t, Ptr{Cvoid}))
    handle = Handle{LibEidos.eidos_activations}()
    # The callback finds the function in the task that fits, so the library need not keep Julia objects alive.
    use(acts.handle) do pointer
        check(err -> LibEidos.eidos_activations_spread(pointer, callback, C_NULL, C_NULL, handle, err))
    end
    share = Activations(handle)
    share.reduce = sum!
    share
end

# Runs a call that fits activations. What their function threw is thrown again.
function summed(call, acts::Activations)
    acts.reduce === nothing && return call()
    summing = Summing(acts.reduce, nothing)
    try
        task_local_storage(call, SUMMING, summing)
    catch
        summing.thrown === nothing ? rethrow() : throw(summing.thrown)
    end
end
