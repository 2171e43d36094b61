# Concepts with names, written by a language model: labels.jl [CHAT_MODEL [MODEL [SPLIT [TEXTS [CONCEPTS]]]]]
#
# CHAT_MODEL is a model behind an OpenAI-compatible server: OPENAI_BASE_URL says where (by default OpenAI itself) and
# OPENAI_API_KEY who pays. Answers are kept in the folder labels-cache. Without CHAT_MODEL, or with -, nothing is asked: the
# first prompt and an estimate of the cost are printed. TEXTS is a file with one text a line or JSON lines.

using Eidos, Printf
using Eidos: ICA, fit

function main(chat_model = "-", id = "eidos:demo", split = "model.layers.2.mlp", file = "assets/demo-texts.txt",
              concepts = "20")
    # 1. Concepts, as in concepts.jl.
    texts = read_texts(file)
    model = SplitModel(id; split = split, progress = true)
    acts = activations(model, texts; progress = true)
    explainer = fit(ICA(parse(Int, concepts)), acts; progress = true)

    # 2. What would be asked, and about what it would cost.
    if chat_model == "-"
        plan = llm_labels(explainer, acts, Chat(chat_model); score_passages = 20, dry_run = true)
        print(something(plan[1].positive_label.prompt, ""))
        println("About ", cost(plan))
        return
    end

    # 3. A label of each concept, scored on passages that the model had not seen. Another run finds the answers again.
    chat = Chat(chat_model; cache_folder = "labels-cache")
    meaning = llm_labels(explainer, acts, chat; score_passages = 20, progress = true)
    for concept in meaning
        label = concept.positive_label
        score = label.score === nothing ? "" : @sprintf("%.2f", label.score)
        problem = label.error === nothing ? "" : label.error.message
        @printf("%4d %4s %s %s\n", concept.index - 1, score, something(label.text, "-"), problem)
    end
    println(cost(meaning))
end

function cost(meaning)
    usage = label_usage(meaning)
    "$(usage.requests) requests and $(usage.cached) answers from the cache: " *
    "$(usage.prompt_tokens) tokens of questions, $(usage.completion_tokens) of answers"
end

main(ARGS...)
