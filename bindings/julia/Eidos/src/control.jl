# Progress of long calls, and how they are cancelled.

"""
    Progress

How far a long call has come, as its `progress` function receives it.

* `stage`: what it is busy with, a `Symbol`, and the unit of the counts: `:download` (bytes), `:load` (tensors), `:tokenize`
  (texts), `:forward` (tokens), `:covariance` (columns of the activations), `:fit` (iterations, of which the total is the
  most there can be), `:interpret` (columns of the activations), `:label` (concepts that a language model was asked about),
  `:write` (bytes), `:idle`.
* `done`, `total`: how much of the stage is done, and of how much; the total is 0 while it is unknown.
* `seconds`: seconds since the [`Control`](@ref) was made, or since the call began where it has none.
"""
struct Progress
    stage::Symbol
    done::Int
    total::Int
    seconds::Float64
end

Progress(progress::LibEidos.eidos_progress) =
    Progress(Symbol(unsafe_string(LibEidos.eidos_stage_name(progress.stage))), progress.done, progress.total,
             progress.elapsed_seconds)

Base.show(io::IO, progress::Progress) =
    print(io, progress.stage, " ", progress.done, progress.total == 0 ? "" : " of $(progress.total)", " after ",
          round(progress.seconds; digits = 1), " s")

"""
    Control()

Watches and cancels long calls, from any task or thread: pass it as `control`, then [`cancel!`](@ref) stops the call, which
throws an [`EidosError`](@ref) of status `:cancelled`. `Progress(control)` says how far it has come. A control watches one
call at a time; a cancelled one stays cancelled.

```julia
control = Control()
fitting = Threads.@spawn fit(ICA(50), acts; control = control)
sleep(10)
cancel!(control)
```
"""
struct Control
    handle::Handle{LibEidos.eidos_control}
    busy::Threads.Atomic{Bool}
    function Control()
        handle = Handle{LibEidos.eidos_control}()
        check(err -> LibEidos.eidos_control_new(handle, err))
        new(handle, Threads.Atomic{Bool}(false))
    end
end

"""
    cancel!(control)

Asks the call that `control` watches to stop, which it does within one batch of texts or one iteration. Results that were
complete on disk are kept.
"""
cancel!(control::Control) = use(LibEidos.eidos_control_cancel, control.handle)

"Whether somebody cancelled `control`."
iscancelled(control::Control) = use(LibEidos.eidos_control_is_cancelled, control.handle) != 0

"""
    Progress(control)

How far the call has come that `control` watches; it does not wait for that call.
"""
function Progress(control::Control)
    now = Ref{LibEidos.eidos_progress}()
    use(pointer -> check(err -> LibEidos.eidos_control_progress(pointer, now, err)), control.handle)
    Progress(now[])
end

function Base.show(io::IO, control::Control)
    isopen(control) || return print(io, "Control (closed)")
    print(io, "Control (", iscancelled(control) ? "cancelled, " : "", Progress(control), ")")
end

# What the library's callback is given: the function to call, and what it threw.
mutable struct Watch
    report::Any
    control::Ptr{LibEidos.eidos_control}
    thrown::Any
end

# The library calls this on the thread that made the long call, which was declared safe for the garbage collector: it is
# not while Julia runs on it.
function on_progress(now::Ptr{LibEidos.eidos_progress}, watch::Ptr{Cvoid})
    gc_state = ccall(:jl_gc_unsafe_enter, Int8, ())
    report!(now, watch)
    ccall(:jl_gc_unsafe_leave, Cvoid, (Int8,), gc_state)
    nothing
end

@noinline function report!(now, pointer)
    watch = unsafe_pointer_to_objref(pointer)::Watch
    watch.thrown === nothing || return nothing
    try
        Base.reenable_sigint() do
            GC.safepoint()
            watch.report === nothing || watch.report(Progress(unsafe_load(now)))
        end
    catch thrown
        watch.thrown = thrown
        LibEidos.eidos_control_cancel(watch.control)
    end
    nothing
end

# An exception must not cross the library, nor may Ctrl-C interrupt it anywhere: so interrupts wait until `report!`, and
# what is thrown there cancels the call and is thrown again after it.
function watched(call, control::Control, report)
    Threads.atomic_cas!(control.busy, false, true) &&
        throw(ArgumentError("this Control watches another call; make one for each call"))
    task = current_task()
    was_sticky = task.sticky
    task.sticky = true # the callback may wait, for output or a lock, and must go on where the library runs
    try
        use(control.handle) do pointer
            watch = Watch(report, pointer, nothing)
            result = Base.disable_sigint(() -> watched(call, pointer, watch))
            watch.thrown === nothing || throw(watch.thrown)
            result
        end
    finally
        task.sticky = was_sticky
        control.busy[] = false
    end
end

function watched(call, control::Ptr, watch::Watch)
    callback = @cfunction(on_progress, Cvoid, (Ptr{LibEidos.eidos_progress}, Ptr{Cvoid}))
    set(callback, data) = check(err -> LibEidos.eidos_control_set_callback(control, callback, data, err))
    GC.@preserve watch try
        set(callback, pointer_from_objref(watch))
        call(control)
    catch error
        watch.thrown === nothing ? rethrow() : nothing
    finally
        set(C_NULL, C_NULL)
    end
end

# A call that the caller does not control is watched all the same, for Ctrl-C.
function watched(call, ::Nothing, report)
    control = Control()
    try
        watched(call, control, report)
    finally
        close(control)
    end
end

# --- The bar that `progress = true` shows ------------------------------------------------------------------------------

mutable struct ProgressBar
    shown::Float64 # when it was drawn last, in seconds
end

const BAR_WIDTH = 30

function (bar::ProgressBar)(now::Progress)
    done = now.total > 0 && now.done >= now.total
    done || now.seconds - bar.shown > 0.05 || return
    bar.shown = now.seconds
    filled = now.total == 0 ? 0 : clamp(BAR_WIDTH * now.done ÷ now.total, 0, BAR_WIDTH)
    print(stderr, "\r", rpad(now.stage, 10), " [", "#"^filled, " "^(BAR_WIDTH - filled), "] ",
          lpad(round(now.seconds; digits = 1), 5), " s ")
end

# Runs a long call `call(control)` with the keyword arguments `control` and `progress` of the functions that users call.
function long_call(call, control, progress)
    progress === true || return watched(call, control, progress === false ? nothing : progress)
    stderr isa Base.TTY || return watched(call, control, nothing)
    try
        watched(call, control, ProgressBar(-1))
    finally
        println(stderr)
    end
end
