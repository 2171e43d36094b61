# Which concepts fire on the units of new texts.

"""
    Firing

A concept that fires on a unit: the `concept`, from 1, the `pole` at which it does (`:positive` or `:negative`), its `activation`
there, how many of its standard `deviations` that lies above its mean over the columns of the fit (negative below it), and the
`percentile`: how many percent of those columns have a smaller activation.
"""
struct Firing
    concept::Int
    pole::Symbol
    activation::Float32
    deviations::Float32
    percentile::Float32
end

"""
    ExplainedUnit

A unit of an [`Explanation`](@ref): its `text` (`" film"`), its `span`, as [`unit_span`](@ref) gives it, or `nothing` for a matrix of
your own, and its `firings`: the [`Firing`](@ref)s of the concepts that fire on it, strongest first.
"""
struct ExplainedUnit
    text::String
    span::Union{NamedTuple{(:text, :range),Tuple{Int,UnitRange{Int}}},Nothing}
    firings::Vector{Firing}
end

"""
    Explanation

Which concepts fire on each unit of some texts, as [`explain`](@ref) found it: iterate it, or index it, for its
[`ExplainedUnit`](@ref)s. [`firings`](@ref) gives what fires on one of them, [`concept_name`](@ref) what a concept is called,
[`source_texts`](@ref) the texts, and [`Eidos.json`](@ref) all of it. `close` or the garbage collector frees it.

```julia
for unit in explanation, firing in unit.firings
    println(unit.text, ": ", concept_name(explanation, firing.concept))
end
```
"""
struct Explanation
    handle::Handle{LibEidos.eidos_explanation}
    length::Int
end

Explanation(handle::Handle{LibEidos.eidos_explanation}) = Explanation(handle, use(LibEidos.eidos_explanation_unit_count, handle))

Base.length(explanation::Explanation) = explanation.length
Base.eltype(::Type{Explanation}) = ExplainedUnit
Base.keys(explanation::Explanation) = Base.OneTo(length(explanation))
Base.firstindex(explanation::Explanation) = 1
Base.lastindex(explanation::Explanation) = length(explanation)
Base.iterate(explanation::Explanation, unit = 1) = unit > length(explanation) ? nothing : (explanation[unit], unit + 1)

function Base.getindex(explanation::Explanation, unit::Integer)
    1 <= unit <= length(explanation) || throw(BoundsError(explanation, unit))
    use(explanation.handle) do pointer
        ExplainedUnit(text(len -> LibEidos.eidos_explanation_unit(pointer, unit - 1, len)), explained_span(pointer, unit),
                      firings(pointer, unit))
    end
end
Base.getindex(explanation::Explanation, units::AbstractVector{<:Integer}) = [explanation[unit] for unit in units]

function explained_span(explanation::Ptr, unit)
    index, start, stop = Ref{Csize_t}(0), Ref{Csize_t}(0), Ref{Csize_t}(0)
    # The only failure that is possible is that there is none.
    LibEidos.eidos_explanation_unit_span(explanation, unit - 1, index, start, stop, C_NULL) == LibEidos.OK || return nothing
    bytes = LibEidos.eidos_explanation_text(explanation, index[], C_NULL)
    (text = Int(index[]) + 1, range = characters(Ptr{UInt8}(bytes), Int(start[]), Int(stop[])))
end

"""
    firings(explanation, unit)

The [`Firing`](@ref)s of the concepts that fire on a unit of an [`Explanation`](@ref), strongest first.
"""
function firings(explanation::Explanation, unit::Integer)
    1 <= unit <= length(explanation) || throw(BoundsError(explanation, unit))
    use(pointer -> firings(pointer, unit), explanation.handle)
end

firings(explanation::Ptr, unit) =
    Firing[firing(explanation, unit, rank) for rank in 1:LibEidos.eidos_explanation_firing_count(explanation, unit - 1)]

function firing(explanation, unit, rank)
    found = Ref{LibEidos.eidos_firing}()
    check() do err
        LibEidos.eidos_explanation_firing(explanation, unit - 1, rank - 1, found, sizeof(LibEidos.eidos_firing), err)
    end
    Firing(found[].concept_index + 1, chosen(found[].pole, POLES), found[].activation, found[].deviations, found[].percentile)
end

"""
    concept_name(explanation, concept, pole = :positive)

What a concept is called at one of its poles: its label, or else the first of its inputs (`"' film', ' movie'"`). `nothing` for a
concept that fires nowhere in the [`Explanation`](@ref), and without an interpretation of it.
"""
function concept_name(explanation::Explanation, concept::Integer, pole = :positive)
    concept >= 1 || throw(ArgumentError("concepts count from 1"))
    pole = choice(:pole, pole, POLES)
    use(explanation.handle) do pointer
        text_or_nothing(len -> LibEidos.eidos_explanation_name(pointer, concept - 1, pole, len))
    end
end

"""
    source_texts(explanation)

The texts that were explained, as a vector; empty for a matrix of your own.
"""
source_texts(explanation::Explanation) = use(explanation.handle) do pointer
    [text(len -> LibEidos.eidos_explanation_text(pointer, index - 1, len))
     for index in 1:LibEidos.eidos_explanation_text_count(pointer)]
end

"""
    explain(explainer, model, inputs; interpretation = nothing, k = 5, least_deviations = 2.0, negative_pole = false)
    explain(explainer, acts; interpretation = nothing, k = 5, least_deviations = 2.0, negative_pole = false)

Says which concepts fire on each unit of new [`Inputs`](@ref), or of what they are made of, such as texts: an
[`Explanation`](@ref). The model must have the explainer's split point; units and the other options of the columns are those that
the explainer was fitted on. Or says it of [`Activations`](@ref) that are there already.

A concept fires where its activation lies far from its mean over the columns of the fit, in its own standard deviations. An
explainer that was not fitted needs [`calibrate`](@ref) first.

# Keywords
* `interpretation = nothing`: an [`Interpretation`](@ref) of the explainer, which names the concepts; see [`concept_name`](@ref).
$(keyword_docs(EXPLAIN_OPTIONS_DOCS))
* `progress = nothing`: a function of a [`Progress`](@ref), or `true` for a bar on the terminal.
* `control = nothing`: a [`Control`](@ref) to watch and cancel it.

Throws an [`EidosError`](@ref): `:invalid_argument`, `:mismatch`, `:cancelled`, ...

```julia
explain(explainer, model, ["a warm and funny film"]; interpretation = meaning, k = 2)
```
"""
function explain(explainer::Explainer, model::SplitModel, inputs; interpretation::Union{Interpretation,Nothing} = nothing,
                 progress = nothing, control = nothing, threads = 0, keywords...)
    options = explain_options(; threads, keywords...)
    with_inputs(model, inputs; threads, control, progress) do inputs
        explained(explainer, interpretation, model, progress, control) do explainer, interpretation, model, control, handle, err
            use(inputs) do inputs
                LibEidos.eidos_explain_inputs(explainer, interpretation, model, inputs, options, control, handle, err)
            end
        end
    end
end

function explain(explainer::Explainer, acts::Activations; interpretation::Union{Interpretation,Nothing} = nothing,
                 progress = nothing, control = nothing, keywords...)
    options = explain_options(; keywords...)
    explained(explainer, interpretation, acts, progress, control) do explainer, interpretation, acts, control, handle, err
        LibEidos.eidos_explain_activations(explainer, interpretation, acts, options, control, handle, err)
    end
end

function explained(call, explainer, interpretation, source, progress, control)
    handle = Handle{LibEidos.eidos_explanation}()
    use_or_null(interpretation) do interpretation
        use(explainer.handle, source.handle) do explainer, source
            long_call(control, progress) do control
                check(err -> call(explainer, interpretation, source, control, handle, err))
            end
        end
    end
    Explanation(handle)
end

use_or_null(call, ::Nothing) = call(C_NULL)
use_or_null(call, object) = use(call, object.handle)

json(explanation::Explanation) =
    use(pointer -> text(len -> LibEidos.eidos_explanation_json(pointer, len)), explanation.handle)

Base.show(io::IO, firing::Firing) =
    print(io, "concept ", firing.concept, " (", round(firing.deviations; digits = 1), " sd)")

function Base.show(io::IO, unit::ExplainedUnit)
    print(io, repr(unit.text), ": [")
    join(io, unit.firings, ", ")
    print(io, "]")
end

Base.show(io::IO, explanation::Explanation) =
    print(io, "Explanation of ", length(explanation), " units", isopen(explanation) ? "" : " (closed)")

# " film": 4 ' movie', ' film' (4.1 sd); 18 (2.2 sd)
function described(explanation, unit)
    fires = map(unit.firings) do firing
        name = concept_name(explanation, firing.concept, firing.pole)
        string(firing.concept, name === nothing ? "" : " $name", " (", round(firing.deviations; digits = 1), " sd)")
    end
    "$(repr(unit.text)): $(isempty(fires) ? "nothing" : join(fires, "; "))"
end

function Base.show(io::IO, ::MIME"text/plain", explanation::Explanation)
    print(io, explanation)
    isopen(explanation) && length(explanation) > 0 || return
    print(io, ":")
    height, width = displaysize(io)
    limited = get(io, :limit, false)
    rows = limited ? max(height - 5, 1) : length(explanation)
    texts, current = source_texts(explanation), 0
    show_line(line) = print(io, "\n ", limited && textwidth(line) > width - 2 ? first(line, width - 3) * "…" : line)
    for unit in Iterators.take(explanation, rows)
        if unit.span !== nothing && unit.span.text != current
            current = unit.span.text
            show_line(texts[current])
        end
        show_line((unit.span === nothing ? "" : "  ") * described(explanation, unit))
    end
    length(explanation) > rows && print(io, "\n ⋮")
end
