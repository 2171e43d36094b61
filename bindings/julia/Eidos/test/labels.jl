# Labels by a language model: a function here, and a server in a process of its own.

model = SplitModel("eidos:demo"; split = SPLIT)
acts = activations(model, FEW)
explainer = fit(ICA(4; max_iterations = 50), acts)

asks_for_label(request) = occursin("\"label\"", request.json_schema)
named(label) = "{\"label\": \"$label\"}"

# A model that names each concept after how often it was asked, and finds that every passage fits.
function counting()
    asked = 0
    request -> asks_for_label(request) ? named("concept $(asked += 1)") : "[1, 1, 1, 1]"
end

# Answers the questions with functions, one after the other.
in_turn(answers...) = (turn = Iterators.Stateful(answers); request -> popfirst!(turn)(request))
good(request) = named("good")

@testset "a function as the language model" begin
    requests, tasks, threads = Eidos.ChatRequest[], [], []
    meaning = llm_labels(explainer, acts; example_count = 3) do request
        push!(requests, request)
        push!(tasks, current_task())
        push!(threads, Threads.threadid())
        GC.gc(false)
        yield()
        sleep(0.001)
        named("concept $(length(requests))")
    end
    @test [concept.positive_label.text for concept in meaning] == ["concept $n" for n in 1:4]
    @test all(task === current_task() for task in tasks) && allunique(requests) && all(==(threads[1]), threads)
    @test all(requests) do request
        startswith(request.user_prompt, "Passages:\n1. (10) ") && occursin("label", request.system_prompt) &&
            occursin("\"type\"", request.json_schema) && request.max_tokens == 1024
    end
    for concept in meaning
        @test concept.positive_label.score === concept.positive_label.error === concept.positive_label.prompt === nothing
        @test concept.negative_label === nothing && length(concept) == 3
        @test concept[1].activation ≈ maximum(encode(explainer, acts)[concept.index, :])
    end
    @test top_inputs(explainer, acts)[1].positive_label === nothing
end

@testset "both poles, some concepts" begin
    meaning = llm_labels(counting(), explainer, acts; concepts = [3, 1], negative_pole = true, example_count = 2)
    @test [(concept.index, concept.positive_label.text, concept.negative_label.text) for concept in meaning] ==
          [(3, "concept 1", "concept 2"), (1, "concept 3", "concept 4")]
    @test all(length(concept.negative) == 2 && concept.negative[1].activation < 0 for concept in meaning)
end

@testset "what it costs" begin
    meaning = llm_labels(explainer, acts) do request
        ChatAnswer(named("a"); prompt_tokens = 100, completion_tokens = 5)
    end
    @test label_usage(meaning) === (requests = 4, cached = 0, prompt_tokens = 400, completion_tokens = 20, unreported = 0,
                                    dry_run = false)
    @test label_usage(llm_labels(counting(), explainer, acts)).unreported == 4
    @test label_usage(top_inputs(explainer, acts)).requests == 0
end

@testset "shown, written and opened" begin
    lunch(_) = error("lunch")
    meaning = llm_labels(in_turn(good, good, lunch, good), explainer, acts; negative_pole = true, example_count = 1, concepts = [2, 1])
    @test startswith(sprint(show, meaning[1]), "Concept 2, \"good\"; negative: \"good\": [\"")
    @test startswith(sprint(show, meaning[2]), "Concept 1, no label (unusable_answer); negative: \"good\": [")
    @test startswith(shown(meaning[1]), "Concept 2, \"good\"; negative: \"good\":\n")
    @test occursin("Interpretation of 2 concepts:\n Concept 2, \"good\"", shown(meaning))
    @test shown(meaning[1].positive_label) == "Label: \"good\""
    @test occursin(r"^Label: no label \(unusable_answer\)\n.*lunch", shown(meaning[2].positive_label))
    @test sprint(show, Eidos.Label("a", 0.756, nothing, nothing)) == "\"a\" (0.76)"
    @test shown(Eidos.Label(nothing, nothing, nothing, "Passages:")) == "Label: a prompt\nPassages:"
    @test table(meaning).text == [input.text for c in meaning for input in [c.positive; c.negative]]

    json = Eidos.json(meaning)
    @test occursin("\"positive_label\":{\"text\":\"good\"}", json) && occursin("\"labelling\":{", json)
    path = tempname() * ".json"
    save(path, meaning)
    open(Interpretation, path) do again
        @test Eidos.json(again) == json && label_usage(again) == label_usage(meaning)
        @test again[1].positive_label.text == "good" && again[2].positive_label.error.message == meaning[2].positive_label.error.message
        @test again[2].positive_label.error.status === :unusable_answer
    end
    rm(path)
end

struct NoWords <: Exception end
Base.showerror(io::IO, ::NoWords) = error("no words")

@testset "a concept that fails does not lose the others" begin
    for (bad, status, words) in ((_ -> error("went to lunch"), :unusable_answer, "went to lunch"),
                                 (_ -> throw(EidosError(:network, "the wire broke")), :network, "the wire broke"),
                                 (_ -> throw(EidosError(:strange, "a\0b\xff")), :unusable_answer, "ab"),
                                 (_ -> throw(EidosError(:ok, "fine")), :unusable_answer, "fine"),
                                 (_ -> throw(NoWords()), :unusable_answer, "NoWords"),
                                 (_ -> throw("a string"), :unusable_answer, "a string"),
                                 (_ -> nothing, :unusable_answer, "Nothing"),
                                 (_ -> 7, :unusable_answer, "$Int"),
                                 (_ -> "", :unusable_answer, ""),
                                 (_ -> "{\"label\": ", :unusable_answer, ""),
                                 (_ -> "\xff\xfe", :invalid_argument, "UTF-8"),
                                 (_ -> ChatAnswer("a", -1, 0), :unusable_answer, "Inexact"),
                                 (() -> "too few arguments", :unusable_answer, "no method"))
        meaning = llm_labels(in_turn(good, bad, good, good), explainer, acts; example_count = 2)
        @test [concept.positive_label.text for concept in meaning] == ["good", nothing, "good", "good"]
        @test meaning[2].positive_label.error.status === status && occursin(words, meaning[2].positive_label.error.message)
        @test length(meaning[2]) == 2
    end
    zero = llm_labels(_ -> SubString("{\"label\": \"a\\u0000b\"} \0", 1), explainer, acts)
    @test startswith(zero[1].positive_label.text, "a")
end

@testset "what ends the questions" begin
    for status in (:access_denied, :not_found, :budget_exhausted)
        meaning = llm_labels(in_turn(good, _ -> throw(EidosError(status, "no more"))), explainer, acts)
        @test [concept.positive_label.text for concept in meaning] == ["good", nothing, nothing, nothing]
        @test all(concept.positive_label.error.status === status for concept in meaning[2:4])
    end
end

@testset "where not one concept has a label" begin
    @test_throws ErrorException("mine") llm_labels(_ -> error("mine"), explainer, acts)
    @test_throws DivideError llm_labels(_ -> div(1, 0), explainer, acts)
    @test_throws MethodError llm_labels("not a function", explainer, acts, 1)
    different = in_turn((_ -> error(words) for words in ("first", "second", "third", "fourth"))...)
    @test_throws ErrorException("first") llm_labels(different, explainer, acts)
    @test status(() -> llm_labels(_ -> throw(EidosError(:network, "mine")), explainer, acts)) === :network
    @test status(() -> llm_labels(_ -> "", explainer, acts)) === :unusable_answer
    @test_throws ErrorException("bar") llm_labels(counting(), explainer, acts; progress = now -> error("bar"))
end

@testset "progress and cancelling" begin
    seen = Progress[]
    llm_labels(counting(), explainer, acts; progress = now -> push!(seen, now))
    @test seen[end].stage === :label && seen[end].done == seen[end].total == 4
    control = Control()
    meaning = llm_labels(in_turn(good, _ -> (cancel!(control); named("last"))), explainer, acts; control)
    @test [concept.positive_label.text for concept in meaning][[1, 3, 4]] == ["good", nothing, nothing]
    @test meaning[3].positive_label.error.status === meaning[4].positive_label.error.status === :cancelled
    @test status(() -> llm_labels(good, explainer, acts; control)) === :cancelled
    busy = Control() # it watches one call at a time, also from within
    @test_throws ArgumentError llm_labels(_ -> (fit(ICA(2), acts; control = busy); "x"), explainer, acts; control = busy)
end

@testset "long calls inside the function, and objects that are closed there" begin
    inside = activations(model, FEW)
    found = fit(ICA(2; max_iterations = 3), inside)
    meaning = llm_labels(found, inside) do request
        foreach(close, (inside, found))
        fit(ICA(2; max_iterations = 3), acts; progress = _ -> GC.gc(false))
        llm_labels(good, explainer, acts)[1].positive_label.text
    end
    @test [concept.positive_label.text for concept in meaning] == ["good", "good"]
    @test status(() -> llm_labels(good, found, acts)) === status(() -> llm_labels(good, explainer, inside)) === :invalid_handle
end

@testset "options" begin
    plan(; keywords...) = llm_labels(_ -> error("asked"), explainer, acts; dry_run = true, keywords...)
    prompts(; keywords...) = [concept.positive_label.prompt for concept in plan(; keywords...)]
    lines(prompt) = count(r"^\d+\. "m, prompt)
    usual = prompts()
    @test all(prompt -> lines(prompt) == 30, usual)
    @test lines(prompts(example_count = 7)[1]) == 7
    @test !occursin("<<", prompts(context = 0)[1]) && occursin("<<", usual[1])
    @test prompts(sampling = :random)[1] != usual[1]
    @test prompts(sampling = :random, seed = 1)[1] != prompts(sampling = :random, seed = 2)[1]
    @test prompts(sampling = :quantile, seed = 3)[1] == prompts(sampling = "quantile", seed = 3)[1]
    @test prompts(sampling = :quantile, quantile_count = 2)[1] != prompts(sampling = :quantile, quantile_count = 10)[1]
    @test length(prompts(concepts = [2])) == 1 && prompts(concepts = [2])[1] == usual[2]

    usage = label_usage(plan())
    @test usage.dry_run && usage.requests == 4 && usage.prompt_tokens > 100 && plan()[1].positive_label.text === nothing
    scored(; keywords...) = label_usage(plan(; example_count = 3, context = 2, score_passages = 4, keywords...)).requests
    @test scored(score_passages_per_request = 1) > scored() > 4

    seen = Ref{Any}()
    watching = Chat(request -> (seen[] = request; good(request)); max_tokens = 77)
    llm_labels(explainer, acts, watching; system_prompt = "Sag was.")
    @test seen[].max_tokens == 77 && seen[].system_prompt == "Sag was."
    of_two = llm_labels(explainer, acts, Chat(good; request_budget = 2))
    @test [concept.positive_label.text for concept in of_two] == ["good", "good", nothing, nothing]
    @test of_two[4].positive_label.error.status === :budget_exhausted
    @test status(() -> llm_labels(explainer, acts, Chat(good; token_budget = 10))) === :budget_exhausted
end

@testset "what lasts as long as a chat" begin
    answer(_) = ChatAnswer(named("a"); prompt_tokens = 100, completion_tokens = 5)
    chat = Chat(answer; request_budget = 6)
    @test spent(chat) === (requests = 0, cached = 0, prompt_tokens = 0, completion_tokens = 0, unreported = 0, requests_left = 6,
                           tokens_left = nothing)
    llm_labels(explainer, acts, chat)
    second = llm_labels(explainer, acts, chat)
    @test [concept.positive_label.text for concept in second] == ["a", "a", nothing, nothing]
    @test label_usage(second).requests == 2 # of this call alone
    @test spent(chat) === (requests = 6, cached = 0, prompt_tokens = 600, completion_tokens = 30, unreported = 0,
                           requests_left = 0, tokens_left = nothing)
    @test status(() -> llm_labels(explainer, acts, chat)) === :budget_exhausted
    close(chat)
    @test status(() -> spent(chat)) === status(() -> llm_labels(explainer, acts, chat)) === :invalid_handle

    together = Chat(request -> (yield(); answer(request)); token_budget = 10^6)
    calls = [Threads.@spawn label_usage(llm_labels(explainer, acts, together)).requests for _ in 1:4]
    @test fetch.(calls) == [4, 4, 4, 4] && spent(together).requests == 16
    @test spent(together).tokens_left == 10^6 - 16 * 105

    # Each call asks the function of its own chat, also where one asks within another.
    outer = Chat(_ -> llm_labels(_ -> named("inner"), explainer, acts; concepts = 1:1)[1].positive_label.text * " and outer")
    @test llm_labels(explainer, acts, outer; concepts = 1:1)[1].positive_label.text == "inner and outer"
end

@testset "a cache" begin
    mktempdir() do folder
        chat(answer) = Chat(answer; name = "own", cache_folder = joinpath(folder, "answers"))
        first = llm_labels(explainer, acts, chat(in_turn(good, _ -> error("lunch"), good, good)))
        again = llm_labels(explainer, acts, chat(_ -> named("now")))
        @test [concept.positive_label.text for concept in again] == ["good", "now", "good", "good"]
        @test (label_usage(again).requests, label_usage(again).cached) == (1, 3)
        @test status(() -> llm_labels(explainer, acts, Chat(good; cache_folder = folder))) === :invalid_argument # no name
    end
end

@testset "scores" begin
    # Each column says in its text whether it is exciting, so that a good judge can know.
    column(n) = n % 10 == 0 ? [9.0, 0.1] : [0.01 * (n % 7), sin(n)]
    matrix = reduce(hcat, column.(1:400))
    texts = ["$(n % 10 == 0 ? "hot" : "cold") $n" for n in 1:400]
    rows = Activations(matrix; units = texts)
    found = fit(ICA(2), rows)
    hot = argmax([encode(found, matrix[:, 10])...])
    function judge(right)
        function (request)
            asks_for_label(request) && return named("hot things")
            passages = [found.captures[1] for found in eachmatch(r"^\d+\. (\w+)"m, request.user_prompt)]
            string("[", join((Int((word == "hot") == right) for word in passages), ","), "]")
        end
    end
    options = (concepts = [hot], example_count = 5, score_passages = 6, score_passages_per_request = 4)
    score(answer; keywords...) = llm_labels(answer, found, rows; options..., keywords...)[1].positive_label.score
    @test score(judge(true)) === 1.0 && score(judge(false)) === 0.0
    @test score(request -> asks_for_label(request) ? named("a") : "[1,1,1,1]") === 0.5
    @test score(judge(true); score_passages = 0) === nothing
    silent = llm_labels(request -> asks_for_label(request) ? named("a") : error("lunch"), found, rows; options...)[1].positive_label
    @test silent.text == "a" && silent.score === nothing && occursin("lunch", silent.error.message)
    @test status(() -> score(judge(true); score_threshold = NaN)) === :invalid_argument
    @test status(() -> score(judge(true); score_threshold = 1.5)) === :invalid_argument
    @test score(judge(true); score_threshold = 0.9) === 1.0
    unnamed = Activations(matrix)
    @test status(() -> llm_labels(good, found, unnamed)) === :invalid_argument
end

@testset "wrong input" begin
    @test_throws ArgumentError llm_labels(good, explainer, acts; sampling = :best)
    @test_throws ArgumentError llm_labels(good, explainer, acts; concepts = [0])
    @test_throws ArgumentError llm_labels(good, explainer, acts; concepts = Int[])
    @test_throws ArgumentError llm_labels(good, explainer, acts; example_count = -1)
    @test_throws ArgumentError llm_labels(good, explainer, acts; context = 1.5)
    @test_throws ArgumentError llm_labels(good, explainer, acts; system_prompt = "a\0b")
    @test_throws ArgumentError llm_labels(explainer, acts, Chat(good; max_tokens = -1))
    @test_throws ArgumentError llm_labels(explainer, acts, Chat("model\0"))
    @test_throws MethodError llm_labels(good, explainer, acts; k = 3)
    @test_throws MethodError Chat("model"; nonsense = 3)
    @test_throws ArgumentError Chat(good; base_url = "http://localhost")
    @test status(() -> llm_labels(good, explainer, Activations(ones(Float32, 3, 4); units = string.(1:4)))) === :mismatch
    @test status(() -> llm_labels(explainer, acts, Chat(""))) === :invalid_argument
    @test status(() -> llm_labels(explainer, acts, Chat("a"; base_url = "localhost"))) === :invalid_argument
    @test status(() -> Chat("a"; base_url = "http://localhost:1", temperature = NaN)) === :invalid_argument
end

@testset "several tasks at once ($(Threads.nthreads()) threads)" begin
    chat = Chat(request -> (yield(); zeros(1000); named("$(length(request.user_prompt))")))
    expected = Eidos.json(llm_labels(explainer, acts, chat))
    collect_now_and_then(_) = rand(1:9) == 1 && GC.gc()
    label() = Eidos.json(llm_labels(explainer, acts, chat; progress = collect_now_and_then))
    @test all(==(expected), fetch.([Threads.@spawn label() for _ in 1:8]))
end

@testset "Ctrl-C inside the function" begin
    code, output = julia("""
        using Eidos
        using Eidos: ICA, fit
        acts = Activations(randn(3, 400) .^ 3; units = string.(1:400))
        explainer = fit(ICA(2), acts)
        for pause in (() -> sleep(0.001), () -> zeros(1000)), attempt in 1:2
            asked, interrupting = 0, nothing
            try
                llm_labels(explainer, acts) do request
                    asked += 1
                    asked == 1 && return "first"
                    interrupting = run(`sh -c "sleep 0.3; kill -2 \$(getpid())"`; wait = false)
                    while true
                        pause()
                    end
                end
            catch error
                println(error isa InterruptException ? "interrupted" : error, " ", asked)
            end
            wait(interrupting)
        end
        foreach(close, (acts, explainer))
        foreach(_ -> GC.gc(), 1:3)
        println(Int(Eidos.LibEidos.eidos_debug_live_handles()), " left")
        """)
    @test (code, output) == (0, "interrupted 2\n"^4 * "0 left\n")
end

# A server that answers every question with a label and prints what it was asked, one line a request.
const SERVER = """
    using Sockets
    port, server = listenany(IPv4(127, 0, 0, 1), 20000)
    println(port); flush(stdout)
    while true
        socket = accept(server)
        @async try
            head = readuntil(socket, "\\r\\n\\r\\n")
            body = String(read(socket, parse(Int, match(r"content-length: *(\\d+)"i, head)[1])))
            println(replace(head, "\\r\\n" => " | "), " ", body); flush(stdout)
            answer = "{\\"choices\\": [{\\"message\\": {\\"content\\": \\"{\\\\\\"label\\\\\\": \\\\\\"served\\\\\\"}\\"}, " *
                     "\\"finish_reason\\": \\"stop\\"}], \\"usage\\": {\\"prompt_tokens\\": 7, \\"completion_tokens\\": 3}}"
            write(socket, "HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nConnection: close\\r\\nContent-Length: ",
                  string(sizeof(answer)), "\\r\\n\\r\\n", answer)
        finally
            close(socket)
        end
    end
    """

@testset "a server" begin
    command = setenv(`$(Base.julia_cmd()) --startup-file=no -e $SERVER`, merge(ENV, Dict("JULIA_LOAD_PATH" => "@stdlib")))
    server = open(pipeline(command; stderr = devnull))
    try
        base_url = "http://127.0.0.1:$(readline(server))/v1"
        chat = Chat("tiny"; base_url, api_key = "sk-secret", max_tokens = 55, temperature = 0.5, timeout = 20, retries = 1,
                    parallel_requests = 2)
        meaning = llm_labels(explainer, acts, chat)
        @test [concept.positive_label.text for concept in meaning] == fill("served", 4)
        @test label_usage(meaning) === (requests = 4, cached = 0, prompt_tokens = 28, completion_tokens = 12, unreported = 0,
                                        dry_run = false)
        asked = [readline(server) for _ in 1:4]
        @test all(line -> startswith(line, "POST /v1/chat/completions") && occursin("Bearer sk-secret", line), asked)
        @test all(line -> occursin("\"model\":\"tiny\"", line) && occursin(r"\"temperature\":0\.5", line), asked)
        @test all(line -> occursin(r"\"max(_completion)?_tokens\":55\b", line), asked)
        @test !occursin("secret", sprint(show, chat)) && !occursin("secret", shown(chat)) && occursin("tiny", shown(chat))
        withenv("OPENAI_BASE_URL" => base_url, "OPENAI_API_KEY" => "sk-mine") do
            llm_labels(explainer, acts, Chat("tiny"); concepts = 1:1)
            @test occursin("Bearer sk-mine", readline(server))
            llm_labels(explainer, acts, Chat("tiny"; api_key = ""); concepts = 1:1)
            @test !occursin(r"bearer"i, readline(server))
        end
    finally
        kill(server)
    end
    gone = Chat("tiny"; base_url = "http://127.0.0.1:1", api_key = "sk-secret", retries = 0)
    error = try
        llm_labels(explainer, acts, gone)
    catch error
        error
    end
    @test error isa EidosError && error.status === :network && !occursin("secret", sprint(showerror, error))
end

foreach(close, (model, acts, explainer))
