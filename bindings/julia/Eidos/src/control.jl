# Progress and messages of long calls, and how they are cancelled.

"""
    Progress

The progress of a long call, as its `progress` function receives it.

* `stage`: the stage of the call as a `Symbol`, here with its unit: `:download` (bytes), `:load` (tensors), `:tokenize`
  (texts), `:forward` (tokens), `:covariance` (columns of the activations), `:fit` (iterations; the total is the most that may
  run), `:interpret` (columns of the activations), `:label` (concepts), `:write` (bytes), `:idle`.
* `done`, `total`: how many steps of the stage are done, and how many it has; the total is 0 while it is unknown.
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
    LogMessage

A message about a long call, as the `log` function of a [`Control`](@ref) receives it.

* `level`: how important it is: `:warning`, `:info` or `:debug`.
* `target`: the part of the library that it comes from (`:hub`, `:model`, `:chat`).
* `text`: the text of the message, in one line.
* `seconds`: seconds from the creation of the control to the message.
"""
struct LogMessage
    level::Symbol
    target::Symbol
    text::String
    seconds::Float64
end

LogMessage(message::LibEidos.eidos_log_message) =
    LogMessage(chosen(message.level, LOG_LEVELS), Symbol(unsafe_string(message.target, message.target_len)),
               unsafe_string(message.message, message.message_len), message.elapsed_seconds)

Base.show(io::IO, message::LogMessage) = print(io, message.level, " ", message.target, ": ", message.text)

"""
    Control(; log = nothing, level = :info)

Watches and cancels long calls, from any task or thread: pass it as `control`, then [`cancel!`](@ref) stops the call, which
throws an [`EidosError`](@ref) of status `:cancelled`. `Progress(control)` returns its progress. A control watches one call at
a time; a cancelled one stays cancelled.

`log` is a function of a [`LogMessage`](@ref), called in the task that makes the call, for messages of `level` (`:warning`,
`:info` or `:debug`) and the more important ones. When it throws, the call is cancelled and throws the same exception. By
default nothing is logged.

```julia
control = Control()
fitting = Threads.@spawn Eidos.fit(Eidos.ICA(50), acts; control = control)
sleep(10)
cancel!(control)

logging = Control(log = message -> @info message.text)
model = SplitModel("eidos:demo"; split = "model.layers.2.mlp", control = logging)
```
"""
struct Control
    handle::Handle{LibEidos.eidos_control}
    busy::Threads.Atomic{Bool}
    log::Any
    level::UInt32
    function Control(; log = nothing, level = :info)
        level = choice(:level, level, LOG_LEVELS)
        handle = Handle{LibEidos.eidos_control}()
        check(err -> LibEidos.eidos_control_new(handle, err))
        new(handle, Threads.Atomic{Bool}(false), log, level)
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

The progress of the call that `control` watches. It does not wait for that call.
"""
function Progress(control::Control)
    now = Ref{LibEidos.eidos_progress}()
    use(control.handle) do pointer
        check(err -> LibEidos.eidos_control_progress(pointer, now, sizeof(LibEidos.eidos_progress), err))
    end
    Progress(now[])
end

function Base.show(io::IO, control::Control)
    isopen(control) || return print(io, "Control (closed)")
    print(io, "Control (", iscancelled(control) ? "cancelled, " : "", Progress(control), ")")
end

# The context of the library's callbacks: the functions to call, and what one of them threw.
mutable struct Watch
    report::Any
    log::Any
    control::Ptr{LibEidos.eidos_control}
    thrown::Any
end

# The library calls this on the thread that made the long call, which is marked as safe for the garbage collector. It must not
# be marked so while Julia code runs on it.
function on_progress(now::Ptr{LibEidos.eidos_progress}, watch::Ptr{Cvoid})
    gc_state = ccall(:jl_gc_unsafe_enter, Int8, ())
    report!(now, watch)
    ccall(:jl_gc_unsafe_leave, Cvoid, (Int8,), gc_state)
    nothing
end

function on_message(message::Ptr{LibEidos.eidos_log_message}, watch::Ptr{Cvoid})
    gc_state = ccall(:jl_gc_unsafe_enter, Int8, ())
    tell!(message, watch)
    ccall(:jl_gc_unsafe_leave, Cvoid, (Int8,), gc_state)
    nothing
end

@noinline report!(now, pointer) = notify_caller!(pointer) do watch
    watch.report === nothing || watch.report(Progress(unsafe_load(now)))
end

@noinline tell!(message, pointer) = notify_caller!(watch -> watch.log(LogMessage(unsafe_load(message))), pointer)

function notify_caller!(tell, pointer)
    watch = unsafe_pointer_to_objref(pointer)::Watch
    watch.thrown === nothing || return nothing
    try
        Base.reenable_sigint() do
            GC.safepoint()
            tell(watch)
        end
    catch thrown
        watch.thrown = thrown
        LibEidos.eidos_control_cancel(watch.control)
    end
    nothing
end

# Exceptions must not pass through the library, and Ctrl-C must not interrupt it at any point. So interrupts wait until
# `notify_caller!`, and what is thrown there cancels the call and is rethrown after it.
function watched(call, control::Control, report)
    Threads.atomic_cas!(control.busy, false, true) &&
        throw(ArgumentError("this Control watches another call; make one for each call"))
    # Julia ends a script at Ctrl-C, with a dump of its stack; from here on it throws an InterruptException, as in the REPL.
    isinteractive() || ccall(:jl_exit_on_sigint, Cvoid, (Cint,), 0)
    task = current_task()
    was_sticky = task.sticky
    task.sticky = true # the callback may wait, for output or a lock, and must go on where the library runs
    try
        use(control.handle) do pointer
            watch = Watch(report, control.log, pointer, nothing)
            result = Base.disable_sigint(() -> watched(call, pointer, watch, control.level))
            watch.thrown === nothing || throw(watch.thrown)
            result
        end
    finally
        task.sticky = was_sticky
        control.busy[] = false
    end
end

function watched(call, control::Ptr, watch::Watch, level)
    on_log = watch.log === nothing ? C_NULL :
             @cfunction(on_message, Cvoid, (Ptr{LibEidos.eidos_log_message}, Ptr{Cvoid}))
    callback = @cfunction(on_progress, Cvoid, (Ptr{LibEidos.eidos_progress}, Ptr{Cvoid}))
    set(callback, data) = check(err -> LibEidos.eidos_control_set_callback(control, callback, data, err))
    set_log(callback, data) = check(err -> LibEidos.eidos_control_set_log_callback(control, level, callback, data, err))
    GC.@preserve watch try
        set(callback, pointer_from_objref(watch))
        set_log(on_log, pointer_from_objref(watch))
        call(control)
    catch error
        watch.thrown === nothing ? rethrow() : nothing
    finally
        set(C_NULL, C_NULL)
        set_log(C_NULL, C_NULL)
    end
end

# A call without a control of the caller's has one of its own, for Ctrl-C.
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
