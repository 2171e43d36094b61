# Logits, from the start of a model and from the activations of a module.

"""
    logits(model, texts; ...)
    logits(model, path => activations, texts; ...)
    logits(f, model, texts; ...)

What the head of a [`SplitModel`](@ref) gives for texts, as [`Activations`](@ref): one column for each token, special ones
included, or for each text where the model classifies texts. Texts may be vectors of ids, see [`tokens`](@ref). Row `j` stands for `logit_names(model)[j]`. The model must have
been loaded with `whole = true`.

With `path => activations`, the output of that module is replaced: a matrix, features x tokens, as
`activations(model, texts; granularity = :all_tokens)` gives it. Change it before, and see what the model makes of it: add a
direction, or leave out a concept. With the numbers as they are, the logits are the same bits.

[`Activations`](@ref) are not copied, and read batch by batch where they lie on disk. They must be those of that module for
these texts, or made from a matrix of your own, of which only the shape is known.

# Keywords
$(keyword_docs(LOGITS_OPTIONS_DOCS))
* `progress = nothing`: a function of a [`Progress`](@ref), or `true` for a bar on the terminal.
* `control = nothing`: a [`Control`](@ref) to watch and cancel it.

Throws an [`EidosError`](@ref): `:invalid_argument`, `:unknown_module`, `:mismatch` for activations of something else, `:invalid_data` for numbers that are not finite,
`:cancelled`, ...

```julia
model = SplitModel("eidos:demo"; split = 1, whole = true)
acts = Matrix(activations(model, ["a warm film"]; granularity = :all_tokens))
logits(model, model.split => 2 .* acts, ["a warm film"])
```
"""
function logits(model::SplitModel, texts; keywords...)
    inputs = source(texts)
    run_to_head(model; keywords...) do pointer, options, control, handle, err
        run_logits(pointer, inputs, options, control, handle, err)
    end
end

run_logits(model, texts::Vector{String}, options, control, handle, err) =
    LibEidos.eidos_split_model_logits(model, texts, length(texts), options, control, handle, err)

logits(model::SplitModel, (path, matrix)::Pair, texts; keywords...) =
    logits_from(model, split_point(path), matrix, strings(texts); keywords...)

function logits_from(model, path, matrix, texts; keywords...)
    rows = columns(matrix)
    run_to_head(model; keywords...) do pointer, options, control, handle, err
        LibEidos.eidos_split_model_logits_from(pointer, path, rows, size(rows, 2), size(rows, 1), texts, length(texts),
                                               options, control, handle, err)
    end
end

function logits_from(model, path, acts::Activations, texts; keywords...)
    use(acts.handle) do rows
        run_to_head(model; keywords...) do pointer, options, control, handle, err
            LibEidos.eidos_split_model_logits_from_activations(pointer, path, rows, texts, length(texts), options, control,
                                                               handle, err)
        end
    end
end

logits(f::Function, model::SplitModel, inputs...; keywords...) = closing(f, logits(model, inputs...; keywords...))

function run_to_head(call, model; progress = nothing, control = nothing, keywords...)
    options = logits_options(; keywords...)
    handle = Handle{LibEidos.eidos_activations}()
    use(model.handle) do pointer
        long_call(control, progress) do control
            check(err -> call(pointer, options, control, handle, err))
        end
    end
    Activations(handle)
end

"""
    logit_names(model)

What the logits stand for: the vocabulary's own strings (`"Ġfilm"`), or the labels of a classifier. Empty without a head.
"""
logit_names(model::SplitModel) = use(model.handle) do pointer
    [text(len -> LibEidos.eidos_split_model_logit_name(pointer, column - 1, len))
     for column in 1:LibEidos.eidos_split_model_logit_count(pointer)]
end
