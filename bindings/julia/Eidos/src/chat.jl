# Language models that label concepts: behind a server, or a function of the caller.

"""
    Eidos.ChatRequest

A request to a language model of your own, see [`Chat`](@ref).

* `system_prompt`: the instructions; `user_prompt`: what the instructions are about.
* `json_schema`: the JSON schema of the answer, for models with structured output. Answers that follow it only roughly are
  parsed too.
* `max_tokens`: the most tokens that the answer should have.
"""
struct ChatRequest
    system_prompt::String
    user_prompt::String
    json_schema::String
    max_tokens::Int
end

ChatRequest(request::LibEidos.eidos_chat_request) =
    ChatRequest(unsafe_string(request.system_prompt, request.system_prompt_len),
                unsafe_string(request.user_prompt, request.user_prompt_len),
                unsafe_string(request.json_schema, request.json_schema_len), request.max_tokens)

"""
    ChatAnswer(text; prompt_tokens, completion_tokens)

The answer of a language model of your own and its cost in tokens of the prompt and of the answer. See [`Chat`](@ref).
"""
struct ChatAnswer
    text::String
    prompt_tokens::Int
    completion_tokens::Int
end
ChatAnswer(text; prompt_tokens, completion_tokens) = ChatAnswer(text, prompt_tokens, completion_tokens)

"""
    Chat(model; base_url, api_key, cache_folder, ...)
    Chat(answer; name, cache_folder, ...)

A language model that writes labels for [`llm_labels`](@ref): one behind an OpenAI-compatible server, or a function of your
own.

# A function
`answer` is called with an [`Eidos.ChatRequest`](@ref) and returns a string, or a [`ChatAnswer`](@ref) with its cost. It runs
in the task that labels, for one request at a time, and may wait there.

When it throws, that concept has an error instead of a label, and the other concepts are still labelled. After an
[`EidosError`](@ref) of status `:access_denied`, `:not_found` or `:budget_exhausted` no further requests are made.
* `name`: the name of the model, which a cache needs.

# Keywords
Those for the base URL, the key, retries, parallel requests and the temperature apply to servers only.
$(keyword_docs(CHAT_OPTIONS_DOCS; hidden = (:model,), timeout_seconds = :timeout))

Budget, connections and cache live as long as the chat, from one call to the next; [`spent`](@ref) returns what is left. Any
number of tasks may label with it at the same time. Throws an [`EidosError`](@ref) of status `:invalid_argument` for invalid
options. The key is not shown in the REPL.

```julia
chat = Chat("gpt-4.1-nano"; cache_folder = "answers", request_budget = 1000)
Chat("llama"; base_url = "http://localhost:8080/v1")
Chat(request -> my_model(request.system_prompt, request.user_prompt))
```
"""
struct Chat
    handle::Handle{LibEidos.eidos_chat}
    answer::Any # the function; `nothing` for a server
    name::Union{String,Nothing}
end

# Options of servers only.
const SERVER_KEYWORDS = (:base_url, :api_key, :timeout, :retries, :parallel_requests, :temperature)

function Chat(model::AbstractString; timeout = nothing, keywords...)
    options = chat_options(; model, timeout_seconds = timeout, keywords...)
    handle = Handle{LibEidos.eidos_chat}()
    check(err -> LibEidos.eidos_chat_new(options, handle, err))
    Chat(handle, nothing, model)
end

# The key is hidden, since others may see the screen.
Base.show(io::IO, chat::Chat) = print(io, "Chat(", something(chat.answer, repr(chat.name)), ")")

"""
    spent(chat)

What all calls together have spent with a [`Chat`](@ref) since it was made, as a `NamedTuple`: `requests` that were sent
(retries included), requests that the cache answered (`cached`), `prompt_tokens` and `completion_tokens` as the server counted
them, answers without token counts (`unreported`), and what is left of the budgets: `requests_left` and `tokens_left`,
`nothing` where there is no limit. It does not wait for calls in progress.
"""
function spent(chat::Chat)
    now = Ref{LibEidos.eidos_chat_spending}()
    use(chat.handle) do pointer
        check(err -> LibEidos.eidos_chat_spent(pointer, now, sizeof(LibEidos.eidos_chat_spending), err))
    end
    left(number) = number == typemax(UInt64) ? nothing : Int(number)
    (requests = Int(now[].requests), cached = Int(now[].cached), prompt_tokens = Int(now[].prompt_tokens),
     completion_tokens = Int(now[].completion_tokens), unreported = Int(now[].unreported),
     requests_left = left(now[].requests_left), tokens_left = left(now[].tokens_left))
end

# A call that labels with a function: the function, the call's control, and what the function threw first. It is stored in the
# task that makes the call, where the library's callback runs, so calls of several tasks with one chat do not interfere.
mutable struct Answering
    answer::Any
    control::Ptr{LibEidos.eidos_control}
    thrown::Any
end
Answering(chat::Chat) = Answering(chat.answer, C_NULL, nothing)

const ANSWERING = :eidos_answering

# The library calls this on the thread that made the long call: see `on_progress`.
function on_request(request::Ptr{LibEidos.eidos_chat_request}, reply::Ptr{LibEidos.eidos_chat_reply}, ::Ptr{Cvoid})
    gc_state = ccall(:jl_gc_unsafe_enter, Int8, ())
    status = answer!(request, reply)
    ccall(:jl_gc_unsafe_leave, Cvoid, (Int8,), gc_state)
    status
end

# Exceptions must not pass through the library.
@noinline function answer!(request, reply)::LibEidos.eidos_status
    answering = task_local_storage(ANSWERING)::Answering
    try
        answer = Base.reenable_sigint() do
            GC.safepoint()
            answering.answer(ChatRequest(unsafe_load(request)))
        end
        set_answer(reply, answer)
        LibEidos.OK
    catch thrown
        fail(reply, answering, thrown)
    end
end

set_answer(reply, answer::AbstractString) = set_answer(reply, String(answer))
# With its length, since a `Cstring` cannot contain a NUL.
set_answer(reply, answer::String) = GC.@preserve answer check() do err
    LibEidos.eidos_chat_reply_set_text(reply, Cstring(pointer(answer)), sizeof(answer), err)
end
function set_answer(reply, answer::ChatAnswer)
    LibEidos.eidos_chat_reply_set_usage(reply, answer.prompt_tokens, answer.completion_tokens)
    set_answer(reply, answer.text)
end
set_answer(_, answer) = throw(ArgumentError(
    "the language model must answer with a string or a ChatAnswer, but it returned a value of type $(typeof(answer))"))

# Ctrl-C stops the whole call; any other exception concerns one concept.
function fail(reply, answering, thrown)
    if thrown isa InterruptException
        answering.thrown = thrown
        LibEidos.eidos_control_cancel(answering.control)
        return LibEidos.CANCELLED
    end
    answering.thrown === nothing && (answering.thrown = thrown)
    LibEidos.eidos_chat_reply_set_error(reply, explanation(thrown), C_NULL)
    something(thrown isa EidosError ? status_number(thrown.status) : nothing, LibEidos.UNUSABLE_ANSWER)
end

function explanation(thrown)
    words = try
        thrown isa EidosError ? thrown.message : sprint(showerror, thrown)
    catch
        string(nameof(typeof(thrown)))
    end
    filter(character -> isvalid(character) && character != '\0', words)
end

function Chat(answer; name = nothing, keywords...)
    unused = filter(in(SERVER_KEYWORDS), collect(keys(keywords)))
    isempty(unused) || throw(ArgumentError("`$(unused[1])` is for servers, and this is a function of your own"))
    options = chat_options(; model = name, keywords...)
    callback = @cfunction(on_request, LibEidos.eidos_status,
                          (Ptr{LibEidos.eidos_chat_request}, Ptr{LibEidos.eidos_chat_reply}, Ptr{Cvoid}))
    handle = Handle{LibEidos.eidos_chat}()
    # The callback finds the function in the task that labels, so the library need not keep Julia objects alive.
    check(err -> LibEidos.eidos_chat_from_callback(callback, C_NULL, C_NULL, options, handle, err))
    Chat(handle, answer, name)
end

# Runs a call that labels with a function. What the function threw is rethrown if no concept has a label; Ctrl-C always is.
function answered(call, answering::Answering)
    result = try
        call()
    catch error
        error isa EidosError && error.status !== :cancelled && answering.thrown !== nothing && throw(answering.thrown)
        answering.thrown isa InterruptException || rethrow()
    end
    answering.thrown isa InterruptException ? throw(answering.thrown) : result
end
