# How good concepts are.

"""
    Eidos.compare(explainer, acts; interpretations = nothing, dense_share = 0.1, redundant_cosine = 0.9, details = false)
    Eidos.compare([explainer, other], acts; ...)

Measures how good the concepts of one [`Explainer`](@ref) are, or of several on the same columns, which should not be those of the fit
where others can be had: what decoding gives back of the columns, how many concepts are active, dead or dense, how much they repeat one
another, whether the inputs of a concept belong together, and for each two explainers how much of what one found the other found,
too. The result is JSON text, the same in every language; concepts and explainers count from 0 there, and what does not exist is null.

# Keywords
* `interpretations = nothing`: an [`Interpretation`](@ref) for each explainer, or `nothing` where there is none.
$(keyword_docs(METRICS_OPTIONS_DOCS))
* `control = nothing`: a [`Control`](@ref) to watch and cancel it.

Throws an [`EidosError`](@ref): `:mismatch`, `:invalid_argument`, `:cancelled`, ...
"""
function compare(explainers::AbstractVector{Explainer}, acts::Activations; interpretations = nothing, progress = nothing,
                 control = nothing, keywords...)
    options = metrics_options(; keywords...)
    meanings = interpretations === nothing ? fill(nothing, length(explainers)) : interpretations
    length(meanings) == length(explainers) || throw(DimensionMismatch("give an interpretation, or nothing, for each explainer"))
    known = Interpretation[meaning for meaning in meanings if meaning !== nothing]
    only_text() do handle
        use(acts.handle, (explainer.handle for explainer in explainers)..., (meaning.handle for meaning in known)...) do acts, pointers...
            of_explainers = Ptr{LibEidos.eidos_explainer}[pointers[1:length(explainers)]...]
            rest = Iterators.Stateful(pointers[length(explainers)+1:end])
            of_meanings = Ptr{LibEidos.eidos_interpretation}[meaning === nothing ? C_NULL : popfirst!(rest) for meaning in meanings]
            long_call(control, progress) do control
                check() do err
                    LibEidos.eidos_metrics_compare(of_explainers, of_meanings, length(explainers), acts, options, control, handle, err)
                end
            end
        end
    end
end
compare(explainer::Explainer, acts::Activations; interpretations = nothing, keywords...) =
    compare([explainer], acts; interpretations = interpretations isa Interpretation ? [interpretations] : interpretations, keywords...)

"""
    Eidos.compare_through_model(model, inputs, split_point, explainer; labels = Int[], ...)
    Eidos.compare_through_model(model, inputs, split_point, [explainer, other]; ...)

Measures what a [`SplitModel`](@ref) loses when what the module `split_point`, a path or number of one of its split points, gives for
[`Inputs`](@ref), or texts, is what an [`Explainer`](@ref) reconstructs of it, beside what zeros and the mean in its place cost (loss
recovered). A causal language model predicts the next token, any other language model the token itself, a classifier `labels` or, without
them, what it says as it is. The model must have been loaded with `whole = true`. The result is JSON text, the same in every language.

# Keywords
* `labels = Int[]`: the label of each text, counted from 0 as the model does, where it classifies texts.
$(keyword_docs(LOGITS_OPTIONS_DOCS))
* `control = nothing`: a [`Control`](@ref) to watch and cancel it.

Throws an [`EidosError`](@ref): `:invalid_argument`, `:unknown_module`, `:mismatch`, `:unsupported`, `:cancelled`, ...
"""
function compare_through_model(model::SplitModel, inputs, split_point, explainers::AbstractVector{Explainer}; labels = Int[],
                               progress = nothing, control = nothing, threads = 0, keywords...)
    options = logits_options(; threads, keywords...)
    of_texts = convert(Vector{UInt32}, labels)
    only_text() do handle
        with_inputs(model, inputs; threads, control, progress) do inputs
            use(model.handle, inputs, (explainer.handle for explainer in explainers)...) do pointer, inputs, pointers...
                of_explainers = Ptr{LibEidos.eidos_explainer}[pointers...]
                long_call(control, progress) do control
                    check() do err
                        LibEidos.eidos_metrics_compare_through_model(
                            pointer, inputs, string(split_point), of_explainers, length(explainers), of_texts, length(of_texts),
                            options, control, handle, err)
                    end
                end
            end
        end
    end
end
compare_through_model(model::SplitModel, inputs, split_point, explainer::Explainer; keywords...) =
    compare_through_model(model, inputs, split_point, [explainer]; keywords...)
