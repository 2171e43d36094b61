# Something to look at: what was found, as a page.

"""
    Report

What [`report`](@ref) made: one HTML page that loads nothing. A notebook shows it; [`save`](@ref) writes it to a file, and `String`
gives its text.
"""
struct Report
    html::String
end

Base.String(report::Report) = report.html

"""
    report(explainer; interpretation = nothing, acts = nothing, explanation = nothing, inputs = 6, passages = 3, ...)
    report(file, explainer; ...)

Makes a [`Report`](@ref) on the concepts of an explainer, or writes it to a file, whole or not at all: a list of concepts to search and
sort, and for each its inputs and labels, the passages in which it is strongest with every unit coloured, its histogram and its nearest
concepts; the fit, a map of the concepts, and texts with what fires on their units. It is useful in the dark, on paper, to a screen
reader and without scripts. What texts, models and labels say is text on it, never markup.

Concepts are numbered from 0 on the page, as in files.

# Keywords
* `interpretation = nothing`: an [`Interpretation`](@ref), whose concepts the report has. Without one it has all, and finds their inputs
  among `acts`.
* `acts = nothing`: [`Activations`](@ref) that passages are taken from.
* `explanation = nothing`: an [`Explanation`](@ref), whose texts are shown; without one the first texts of `acts`, which needs an
  explainer that was fitted or calibrated.
$(keyword_docs(REPORT_OPTIONS_DOCS))
* `progress = nothing`: a function of a [`Progress`](@ref), or `true` for a bar on the terminal.
* `control = nothing`: a [`Control`](@ref) to watch and cancel it.

Throws an [`EidosError`](@ref): `:mismatch`, `:invalid_data`, `:cancelled`, ...

```julia
report("report.html", explainer; interpretation = meaning, acts)
```
"""
function report(explainer::Explainer; keywords...)
    page = only_text() do handle
        reported(explainer; keywords...) do explainer, interpretation, acts, explanation, options, control, err
            LibEidos.eidos_report_html(explainer, interpretation, acts, explanation, options, control, handle, err)
        end
    end
    Report(page)
end

function report(file::AbstractString, explainer::Explainer; keywords...)
    path = String(file)
    reported(explainer; keywords...) do explainer, interpretation, acts, explanation, options, control, err
        LibEidos.eidos_report_save(explainer, interpretation, acts, explanation, path, options, control, err)
    end
    nothing
end

function reported(call, explainer; interpretation::Union{Interpretation,Nothing} = nothing,
                  acts::Union{Activations,Nothing} = nothing, explanation::Union{Explanation,Nothing} = nothing,
                  progress = nothing, control = nothing, keywords...)
    options = report_options(; keywords...)
    use_or_null(interpretation) do interpretation
        use_or_null(acts) do acts
            use_or_null(explanation) do explanation
                use(explainer.handle) do explainer
                    long_call(control, progress) do control
                        check(err -> call(explainer, interpretation, acts, explanation, options, control, err))
                    end
                end
            end
        end
    end
end

"""
    map_svg(explainer; interpretation = nothing)

The map of a [`report`](@ref) as an SVG file: a point for each concept, along the two principal axes of the directions of the dictionary.
Takes `control`, and throws an [`EidosError`](@ref) where there are no two axes.
"""
function map_svg(explainer::Explainer; interpretation::Union{Interpretation,Nothing} = nothing, control = nothing)
    only_text() do handle
        explained_by(explainer, interpretation) do explainer, interpretation
            long_call(control, nothing) do control
                check(err -> LibEidos.eidos_report_map_svg(explainer, interpretation, control, handle, err))
            end
        end
    end
end

"""
    heat_map_svg(explainer, acts, text; interpretation = nothing, concepts = 20)

A heat map of a text of [`Activations`](@ref), from 1, as an SVG file: its units across, at most 200, and down the `concepts` that fire most
in it, coloured by standard deviations from their means. Takes `control`.
"""
function heat_map_svg(explainer::Explainer, acts::Activations, text::Integer; interpretation::Union{Interpretation,Nothing} = nothing,
                      concepts::Integer = 20, control = nothing)
    text >= 1 || throw(ArgumentError("texts count from 1"))
    concepts >= 1 || throw(ArgumentError("a heat map has at least one concept"))
    only_text() do handle
        explained_by(explainer, interpretation) do explainer, interpretation
            use(acts.handle) do acts
                long_call(control, nothing) do control
                    check() do err
                        LibEidos.eidos_report_heat_map_svg(explainer, interpretation, acts, text - 1, concepts, control, handle, err)
                    end
                end
            end
        end
    end
end

"""
    save_csv(file, interpretation)
    save_csv(file, explainer, acts; interpretation = nothing, least_deviations = 0)

Writes a CSV file, whole or not at all: of an [`Interpretation`](@ref) a line for each input of each pole; of [`Activations`](@ref) a line
for each unit and each concept that is active there, that many of its standard deviations from its mean. Indices count from 0, as in all
files.
"""
save_csv(file::AbstractString, meaning::Interpretation) = use(meaning.handle) do pointer
    path = String(file)
    check(err -> LibEidos.eidos_interpretation_save_csv(pointer, path, err))
    nothing
end

function save_csv(file::AbstractString, explainer::Explainer, acts::Activations;
                  interpretation::Union{Interpretation,Nothing} = nothing, least_deviations::Real = 0, control = nothing)
    path = String(file)
    on_rows(explainer, interpretation, acts, control) do explainer, interpretation, acts, control, err
        LibEidos.eidos_report_save_codes_csv(explainer, interpretation, acts, path, least_deviations, control, err)
    end
end

"""
    save_parquet(file, interpretation)

Writes the lines and columns of [`save_csv`](@ref) of an [`Interpretation`](@ref) to a Parquet file, whole or not at all. Throws an
[`EidosError`](@ref) of `:unsupported` where the library was built without Parquet. [`save_codes`](@ref) writes activations of concepts.
"""
save_parquet(file::AbstractString, meaning::Interpretation) = use(meaning.handle) do pointer
    path = String(file)
    check(err -> LibEidos.eidos_interpretation_save_parquet(pointer, path, err))
    nothing
end

"""
    save_neuronpedia(file, explainer, acts; interpretation = nothing, passages = 3, context = 6)

Writes what Neuronpedia imports of concepts to a JSON file, whole or not at all: a batch as SAEDashboard writes it, with passages of the
positive pole of each concept.
"""
function save_neuronpedia(file::AbstractString, explainer::Explainer, acts::Activations;
                          interpretation::Union{Interpretation,Nothing} = nothing, control = nothing, keywords...)
    options = report_options(; keywords...)
    path = String(file)
    on_rows(explainer, interpretation, acts, control) do explainer, interpretation, acts, control, err
        LibEidos.eidos_report_save_neuronpedia(explainer, interpretation, acts, path, options, control, err)
    end
end

explained_by(call, explainer, interpretation) =
    use_or_null(interpretation -> use(explainer -> call(explainer, interpretation), explainer.handle), interpretation)

function on_rows(call, explainer, interpretation, acts, control)
    explained_by(explainer, interpretation) do explainer, interpretation
        use(acts.handle) do acts
            long_call(control, nothing) do control
                check(err -> call(explainer, interpretation, acts, control, err))
            end
        end
    end
    nothing
end

# As the library writes files: who reads it sees the old one or the whole new one, a link is kept, and only a file is replaced.
function save(file::AbstractString, report::Report)
    failed(status, why, hint) = throw(EidosError(status, "cannot write `$file`: $why", hint, Dict("path" => String(file))))
    target = abspath(file)
    links = 0
    while islink(target)
        (links += 1) > 40 && failed(:io, "it is a link that leads back to itself", "choose another path, or remove what is there")
        target = abspath(dirname(target), readlink(target))
    end
    folder = dirname(target)
    isdir(folder) || failed(:not_found, "there is no folder `$folder`", "make the folder first")
    ispath(target) && !isfile(target) &&
        failed(:io, "it is not a file, and is not replaced by one", "choose another path, or remove what is there")
    part = tempname(folder)
    try
        write(part, report.html)
        Base.uv_error("rename", ccall(:jl_fs_rename, Cint, (Cstring, Cstring), part, target))
    catch error
        rm(part; force = true)
        error isa Union{SystemError,Base.IOError} || rethrow()
        failed(:io, sprint(showerror, error), "look whether the disk is full and who may write there")
    end
    nothing
end

Base.show(io::IO, report::Report) = print(io, "Report of ", Base.format_bytes(sizeof(report.html)))

# A page inside the page of a notebook: a frame, so that neither has the style of the other.
function Base.show(io::IO, ::MIME"text/html", report::Report)
    page = replace(replace(report.html, "&" => "&amp;"), "\"" => "&quot;")
    print(io, "<iframe title=\"Eidos\" sandbox=\"allow-scripts\" style=\"width: 100%; height: 48rem; border: 0\" srcdoc=\"", page,
          "\"></iframe>")
end
