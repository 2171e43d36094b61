# Labels for concepts, written by a language model.

"""
    llm_labels(explainer, acts, chat; example_count = 30, context = 10, score_passages = 0, ...)
    llm_labels(answer, explainer, acts; ...)

Requests a label of each concept from a language model, a [`Chat`](@ref), which sees the units that excite the concept and the
text around them. The result is an [`Interpretation`](@ref): each of its [`Concept`](@ref)s has a `positive_label`, and its inputs are
the examples that the model saw. [`label_usage`](@ref) returns what the labels cost.

With a function as first argument (`do`), that is the model: see [`Chat`](@ref).

A concept that cannot be labelled does not affect the others: its label has an `error`. So have concepts for which no request
was sent, because a [`Control`](@ref) was cancelled, the budget was exhausted or the key was refused; with a `cache_folder`, a
later call continues from there. Only Ctrl-C, and what a `progress` function throws, discard the labels that were found.

# Keywords
$(keyword_docs(LLM_LABELS_OPTIONS_DOCS))
* `progress = nothing`: a function of a [`Progress`](@ref), or `true` for a bar on the terminal.
* `control = nothing`: a [`Control`](@ref) to watch and cancel it.

Throws an [`EidosError`](@ref) when no concept could be labelled (`:network`, `:access_denied`, `:budget_exhausted`,
`:unusable_answer`, `:cancelled`, ...), or what your function threw first; `:invalid_argument`, `:mismatch`.

```julia
meaning = llm_labels(explainer, acts, Chat("gpt-4.1-nano"; cache_folder = "answers"); score_passages = 20)
meaning = llm_labels(explainer, acts) do request
    my_model(request.system_prompt, request.user_prompt) # returns a string
end
[(concept.index, concept.positive_label.text, concept.positive_label.score) for concept in meaning]
```
"""
function llm_labels(explainer::Explainer, acts::Activations, chat::Chat; progress = nothing, control = nothing, keywords...)
    options = label_options(explainer; keywords...)
    answering = Answering(chat)
    answered(answering) do
        interpreted(explainer, acts, progress, control) do explainer, acts, control, handle, err
            answering.control = control
            use(chat.handle) do chat
                task_local_storage(ANSWERING, answering) do
                    LibEidos.eidos_llm_labels_interpret(explainer, acts, chat, options, control, handle, err)
                end
            end
        end
    end
end

function llm_labels(answer, explainer::Explainer, acts::Activations; keywords...)
    chat = Chat(answer)
    try
        llm_labels(explainer, acts, chat; keywords...)
    finally
        close(chat)
    end
end

label_options(explainer; concepts = nothing, keywords...) =
    llm_labels_options(; concepts = concept_numbers(explainer, concepts), keywords...)

"""
    label_usage(meaning)

What the labels of an [`Interpretation`](@ref) cost, as a `NamedTuple`: `requests` that were sent (retries included), requests
that the cache answered (`cached`), `prompt_tokens` and `completion_tokens` as the server counted them, and answers without
token counts (`unreported`), of that call alone. After a dry run it is an estimate, and `dry_run` is `true`. All numbers are 0
without labels.
"""
function label_usage(meaning::Interpretation)
    usage = Ref{LibEidos.eidos_label_usage}()
    use(meaning.handle) do pointer
        check(err -> LibEidos.eidos_interpretation_label_usage(pointer, usage, sizeof(LibEidos.eidos_label_usage), err))
    end
    (requests = Int(usage[].requests), cached = Int(usage[].cached), prompt_tokens = Int(usage[].prompt_tokens),
     completion_tokens = Int(usage[].completion_tokens), unreported = Int(usage[].unreported),
     dry_run = usage[].dry_run != 0)
end
