# What concepts mean: the inputs that excite them most.

"""
    TopInput

An input that excites a concept: its `text`, the concept's `activation` there, and the `column` of the activations where that
was found.
"""
struct TopInput
    text::String
    activation::Float32
    column::Int
end

"""
    Concept

What a concept means: iterate it, or index it, for the [`TopInput`](@ref)s that excite it most, strongest first; a dead
concept has none. Its field `index` is the number of the concept, from 1: its column in the [`dictionary`](@ref) and its
row in what [`encode`](@ref) returns. (Files and other languages count from 0.) Its field `negative` holds the inputs with
the most negative activations, if they were requested. Its field `positive_label` is its label by a language model, an
[`Eidos.Label`](@ref), and `negative_label` that of the negative inputs; `nothing` if [`llm_labels`](@ref) was not asked for
them.
"""
struct Concept
    index::Int
    positive::Vector{TopInput}
    negative::Vector{TopInput}
    positive_label::Union{Label,Nothing}
    negative_label::Union{Label,Nothing}
end
Concept(index, positive, negative) = Concept(index, positive, negative, nothing, nothing)

Base.length(concept::Concept) = length(concept.positive)
Base.eltype(::Type{Concept}) = TopInput
Base.iterate(concept::Concept, state...) = iterate(concept.positive, state...)
Base.getindex(concept::Concept, rank) = concept.positive[rank]
Base.keys(concept::Concept) = keys(concept.positive)
Base.firstindex(concept::Concept) = 1
Base.lastindex(concept::Concept) = length(concept)

"""
    Interpretation

What concepts mean, as [`top_inputs`](@ref) or [`llm_labels`](@ref) found it: iterate it, or index it, for its
[`Concept`](@ref)s. [`table`](@ref) makes a table of it with one row per listed input. [`save`](@ref) and
[`Eidos.json`](@ref) write it. `close` or the garbage collector frees it.

```julia
for concept in meaning
    println(concept.index, ": ", join((input.text for input in concept), " |"))
end
```
"""
struct Interpretation
    handle::Handle{LibEidos.eidos_interpretation}
    length::Int
end

Interpretation(handle::Handle{LibEidos.eidos_interpretation}) =
    Interpretation(handle, use(LibEidos.eidos_interpretation_concept_count, handle))

Base.length(meaning::Interpretation) = meaning.length
Base.eltype(::Type{Interpretation}) = Concept
Base.keys(meaning::Interpretation) = Base.OneTo(length(meaning))
Base.firstindex(meaning::Interpretation) = 1
Base.lastindex(meaning::Interpretation) = length(meaning)
Base.iterate(meaning::Interpretation, index = 1) = index > length(meaning) ? nothing : (meaning[index], index + 1)

function Base.getindex(meaning::Interpretation, index::Integer)
    1 <= index <= length(meaning) || throw(BoundsError(meaning, index))
    use(meaning.handle) do pointer
        number = LibEidos.eidos_interpretation_concept(pointer, index - 1)
        Concept(number + 1, inputs(pointer, index, :positive), inputs(pointer, index, :negative),
                label(pointer, index, :positive), label(pointer, index, :negative))
    end
end
Base.getindex(meaning::Interpretation, indices::AbstractVector{<:Integer}) = [meaning[index] for index in indices]

function inputs(pointer, index, pole)
    entry, pole = index - 1, UInt32(POLES[pole])
    map(1:LibEidos.eidos_interpretation_size(pointer, entry, pole)) do rank
        TopInput(text(len -> LibEidos.eidos_interpretation_input(pointer, entry, pole, rank - 1, len)),
                 LibEidos.eidos_interpretation_activation(pointer, entry, pole, rank - 1),
                 LibEidos.eidos_interpretation_row(pointer, entry, pole, rank - 1) + 1)
    end
end

"""
    top_inputs(explainer, acts; k = 5, negative_pole = false, concepts = nothing)
    top_inputs(explainer, model, inputs; k = 5, negative_pole = false, concepts = nothing, granularity = :word, ...)

The inputs that excite each concept most, as an [`Interpretation`](@ref): among [`Activations`](@ref) that are there already,
or among the units of new [`Inputs`](@ref), or of what they are made of: texts, vectors of token ids, or a [`Vocabulary`](@ref).
The model must have the explainer's split point.

Occurrences of the same text count once, with their strongest activation.

# Keywords
$(keyword_docs(TOP_INPUTS_OPTIONS_DOCS))
* `progress = nothing`: a function of a [`Progress`](@ref), or `true` for a bar on the terminal.
* `control = nothing`: a [`Control`](@ref) to watch and cancel it.
* those of [`activations`](@ref), where these have to be collected first; then units that are left out get no column.

Throws an [`EidosError`](@ref): `:invalid_argument`, `:mismatch`, `:cancelled`, ...
"""
function top_inputs(explainer::Explainer, acts::Activations; progress = nothing, control = nothing, keywords...)
    options = top_options(explainer; keywords...)
    interpreted(explainer, acts, progress, control) do explainer, acts, control, handle, err
        LibEidos.eidos_top_inputs_interpret(explainer, acts, options, control, handle, err)
    end
end

function top_inputs(explainer::Explainer, model::SplitModel, inputs; k = nothing, negative_pole = false, concepts = nothing,
                    fold_case = false, least_occurrences = 1, context = 0, progress = nothing, control = nothing, threads = 0,
                    keywords...)
    options = top_options(explainer; k, negative_pole, concepts, fold_case, least_occurrences, context)
    collecting = activations_options(; threads, keywords...)
    with_inputs(model, inputs; threads, control, progress) do inputs
        interpreted(explainer, model, progress, control) do explainer, model, control, handle, err
            use(inputs) do inputs
                LibEidos.eidos_top_inputs_interpret_inputs(explainer, model, inputs, options, collecting, control, handle, err)
            end
        end
    end
end

function interpreted(call, explainer, source, progress, control)
    handle = Handle{LibEidos.eidos_interpretation}()
    use(explainer.handle, source.handle) do explainer, source
        long_call(control, progress) do control
            check(err -> call(explainer, source, control, handle, err))
        end
    end
    Interpretation(handle)
end

top_options(explainer; k = nothing, concepts = nothing, keywords...) =
    top_inputs_options(; k, concepts = concept_numbers(explainer, concepts), keywords...)

concept_numbers(explainer, ::Nothing) = nothing
function concept_numbers(explainer, indices)
    isempty(indices) && throw(ArgumentError("`concepts` is empty; leave it out to list all of them"))
    all(in(1:explainer.concepts), indices) ||
        throw(ArgumentError("`concepts` must be among the indices 1 to $(explainer.concepts)"))
    [index - 1 for index in indices]
end

"""
    Eidos.json(meaning)
    Eidos.json(explanation)

An [`Interpretation`](@ref) or an [`Explanation`](@ref) as JSON text, the same in every language; concepts, rows and texts count
from 0 there.
"""
json(meaning::Interpretation) =
    use(pointer -> text(len -> LibEidos.eidos_interpretation_json(pointer, len)), meaning.handle)

"""
    table(meaning)

An [`Interpretation`](@ref) as an [`Eidos.Table`](@ref), with the columns `concept` (from 1), `pole` (`:positive` or `:negative`),
`rank` (from 1), `text`, `activation` and `column`. That is a table for Tables.jl; where Julia is 1.9 or later and Tables.jl is
loaded, the interpretation itself is one, too: `DataFrame(meaning)`.
"""
function table(meaning::Interpretation)
    rows = [(concept = concept.index, pole = pole, rank = rank, text = input.text, activation = input.activation,
             column = input.column)
            for concept in meaning for pole in keys(POLES) for (rank, input) in enumerate(getfield(concept, pole))]
    names = (:concept, :pole, :rank, :text, :activation, :column)
    Table(NamedTuple{names}(map(name -> [getfield(row, name) for row in rows], names)))
end

save(file::AbstractString, meaning::Interpretation) =
    use(pointer -> check(err -> LibEidos.eidos_interpretation_save(pointer, file, err)), meaning.handle)

# With its interpretation, labels and all, as one file.
save(file::AbstractString, explainer::Explainer, meaning::Interpretation) = use(explainer.handle, meaning.handle) do explainer, meaning
    check(err -> LibEidos.eidos_explainer_save_interpreted(explainer, meaning, file, err))
end

"""
    open_interpreted(file)

Opens the [`Explainer`](@ref) of a file and the [`Interpretation`](@ref) that [`save`](@ref) wrote with it, which is `nothing` where the
file has none: `(; explainer, interpretation)`. `open(Explainer, file)` and `open(Interpretation, file)` open one of them.
"""
function open_interpreted(file::AbstractString)
    explainer, meaning = Handle{LibEidos.eidos_explainer}(), Handle{LibEidos.eidos_interpretation}()
    check(err -> LibEidos.eidos_explainer_open_interpreted(file, explainer, meaning, err))
    (explainer = Explainer(explainer), interpretation = meaning.pointer == C_NULL ? nothing : Interpretation(meaning))
end

"""
    open(Interpretation, file)

Opens a file that [`save`](@ref) wrote, or the interpretation in the file of an [`Explainer`](@ref) that was saved with it.
"""
function Base.open(::Type{Interpretation}, file::AbstractString)
    handle = Handle{LibEidos.eidos_interpretation}()
    check(err -> LibEidos.eidos_interpretation_open(file, handle, err))
    Interpretation(handle)
end

Base.show(io::IO, input::TopInput) = print(io, repr(input.text), " (", round(input.activation; digits = 2), ")")

# The part of the display of a concept that shows its labels.
function labelled(concept)
    positive = concept.positive_label === nothing ? "" : ", $(concept.positive_label)"
    concept.negative_label === nothing ? positive : "$positive; negative: $(concept.negative_label)"
end

function Base.show(io::IO, concept::Concept)
    print(io, "Concept ", concept.index, labelled(concept), ": [")
    join(io, (repr(input.text) for input in concept), ", ")
    print(io, "]")
end

function Base.show(io::IO, ::MIME"text/plain", concept::Concept)
    print(io, "Concept ", concept.index, labelled(concept), isempty(concept.positive) ? " (dead)" : ":")
    for input in Iterators.flatten((concept.positive, concept.negative))
        print(io, "\n", lpad(round(input.activation; digits = 2), 8), "  ", repr(input.text))
    end
end

Base.show(io::IO, meaning::Interpretation) =
    print(io, "Interpretation of ", length(meaning), " concepts", isopen(meaning) ? "" : " (closed)")

function Base.show(io::IO, ::MIME"text/plain", meaning::Interpretation)
    print(io, meaning)
    isopen(meaning) && length(meaning) > 0 || return
    print(io, ":")
    height, width = displaysize(io)
    limited = get(io, :limit, false)
    rows = limited ? max(height - 5, 1) : length(meaning)
    for concept in Iterators.take(meaning, rows)
        line = sprint(show, concept)
        print(io, "\n ", limited && textwidth(line) > width - 2 ? first(line, width - 3) * "…" : line)
    end
    length(meaning) > rows && print(io, "\n ⋮")
end
