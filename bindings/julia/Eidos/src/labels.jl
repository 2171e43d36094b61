# Labels of concepts by a language model.

"""
    Eidos.Label

The label of a concept, as [`llm_labels`](@ref) found it: the field `label` of a [`Concept`](@ref).

* `text`: the label; `nothing` where there is none.
* `score`: how well the label tells passages that excite the concept from others that the model had not seen, from 0 to 1,
  where 0.5 is chance (balanced accuracy); `nothing` where it was not scored.
* `error`: an [`EidosError`](@ref) that says why there is no label, or no score; `nothing` where nothing went wrong.
* `prompt`: the prompt that would be sent; `nothing` unless it was a dry run.
"""
struct Label
    text::Union{String,Nothing}
    score::Union{Float64,Nothing}
    error::Union{EidosError,Nothing}
    prompt::Union{String,Nothing}
end

# The label of the entry `index` of an interpretation; `nothing` if no label was requested.
function label(pointer, index, pole)
    entry = (index - 1, UInt32(POLES[pole]))
    read(get) = text_or_nothing(len -> get(pointer, entry..., len))
    name, problem = read(LibEidos.eidos_interpretation_label), read(LibEidos.eidos_interpretation_label_error)
    prompt = read(LibEidos.eidos_interpretation_label_prompt)
    name === problem === prompt === nothing && return nothing
    score = LibEidos.eidos_interpretation_label_score(pointer, entry...)
    status = status_name(LibEidos.eidos_interpretation_label_status(pointer, entry...))
    Label(name, isnan(score) ? nothing : score, problem === nothing ? nothing : EidosError(status, problem), prompt)
end

function Base.show(io::IO, label::Label)
    if label.text !== nothing
        print(io, repr(label.text))
        label.score === nothing || print(io, " (", round(label.score; digits = 2), ")")
    elseif label.error !== nothing
        print(io, "no label (", label.error.status, ")")
    else
        print(io, "a prompt")
    end
end

function Base.show(io::IO, ::MIME"text/plain", label::Label)
    print(io, "Label: ", label)
    label.error === nothing || print(io, "\n", label.error.message)
    label.prompt === nothing || print(io, "\n", label.prompt)
end
