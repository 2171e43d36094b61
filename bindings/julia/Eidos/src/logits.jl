# Logits.

"""
    logits(model, inputs; interventions = nothing, ...)
    logits(f, model, inputs; ...)

What the head of a [`SplitModel`](@ref) gives for [`Inputs`](@ref), or for what they are made of (texts, vectors of token ids), as
[`Activations`](@ref): one column for each token, special ones included, or for each text where the model classifies texts. Row `j`
stands for `logit_names(model)[j]`. The model must have been loaded with `whole = true`.

Under [`Interventions`](@ref) the model goes on with what they make of what its modules give: add a direction, or leave out a concept,
and see what the model makes of it.

# Keywords
$(keyword_docs(LOGITS_OPTIONS_DOCS))
* `interventions = nothing`: [`Interventions`](@ref).
* `progress = nothing`: a function of a [`Progress`](@ref), or `true` for a bar on the terminal.
* `control = nothing`: a [`Control`](@ref) to watch and cancel it.

Throws an [`EidosError`](@ref): `:invalid_argument`, `:unknown_module`, `:mismatch` for activations of something else,
`:invalid_data` for numbers that are not finite, `:cancelled`, ...

```julia
model = SplitModel("eidos:demo"; split = 1, whole = true)
acts = Matrix(activations(model, ["a warm film"]; granularity = :all_tokens))
logits(model, ["a warm film"]; interventions = replace!(Interventions(), 1, 2 .* acts))
```
"""
function logits(model::SplitModel, inputs; interventions = nothing, progress = nothing, control = nothing, threads = 0, keywords...)
    options = logits_options(; threads, keywords...)
    handle = Handle{LibEidos.eidos_activations}()
    with_inputs(model, inputs; threads, control, progress) do inputs
        use(model.handle, inputs) do pointer, inputs
            use_interventions(interventions) do interventions
                long_call(control, progress) do control
                    check(err -> LibEidos.eidos_split_model_logits(pointer, inputs, interventions, options, control, handle, err))
                end
            end
        end
    end
    Activations(handle)
end

logits(f::Function, model::SplitModel, inputs; keywords...) = closing(f, logits(model, inputs; keywords...))

"""
    logit_names(model)

What the logits stand for: the vocabulary's own strings (`"Ġfilm"`), or the labels of a classifier. Empty without a head.
"""
logit_names(model::SplitModel) = use(model.handle) do pointer
    [text(len -> LibEidos.eidos_split_model_logit_name(pointer, column - 1, len))
     for column in 1:LibEidos.eidos_split_model_logit_count(pointer)]
end
