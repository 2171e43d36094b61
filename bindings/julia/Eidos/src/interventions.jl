# Changes to what the modules of a model give, while it runs.

"""
    Interventions()

Changes to what modules of a model give while it runs, for the keyword `interventions` of [`logits`](@ref),
[`activations`](@ref) and [`stream_activations`](@ref). There may be any number of them, at any modules that a model can be split at; those at one module follow
one another in the order in which they were added. They belong to no model: a run looks first whether they fit.

* [`replace!`](@ref)`(interventions, module, matrix)` puts a matrix in the place of what a module gives.
* [`add_direction!`](@ref)`(interventions, module, direction; scale = 1)` adds a direction to it.
* [`ablate!`](@ref)`(interventions, module, explainer, concept)` takes a concept out of it.
* [`clamp!`](@ref)`(interventions, module, explainer, concept, value)` lets a concept have an activation.

A module is a path or the number of a block, from 0. `tokens` are the tokens that are changed, counted from 1 over all texts, special
ones included, as the columns of `granularity = :all_tokens`; without it, all of them are. Each function gives the interventions
back.

```julia
steer = add_direction!(Interventions(), model.split, dictionary(explainer)[:, 3]; scale = 8)
logits(model, ["a warm film"]; interventions = steer)
```
"""
struct Interventions
    handle::Handle{LibEidos.eidos_interventions}
    function Interventions()
        handle = Handle{LibEidos.eidos_interventions}()
        check(err -> LibEidos.eidos_interventions_new(handle, err))
        new(handle)
    end
end

"""
    replace!(interventions, module, matrix)

Puts a matrix, features x tokens, in the place of what a module gives, one column for each token of the inputs. With the numbers
that it gives, nothing changes. [`Activations`](@ref) are not copied, and read batch by batch where they lie on disk; they must be
those of that module for these texts, or made from a matrix of your own, of which only the shape is known.
"""
function Base.replace!(interventions::Interventions, path, acts::Activations)
    changing(interventions, path, acts.handle) do pointer, path, acts, err
        LibEidos.eidos_interventions_replace_activations(pointer, path, acts, err)
    end
end
function Base.replace!(interventions::Interventions, path, matrix::AbstractMatrix)
    rows = columns(matrix)
    changing(interventions, path) do pointer, path, err
        LibEidos.eidos_interventions_replace_rows(pointer, path, rows, size(rows, 2), size(rows, 1), err)
    end
end

"""
    add_direction!(interventions, module, direction; scale = 1, tokens = nothing)

Adds `scale` times a direction to the columns of a module.
"""
function add_direction!(interventions::Interventions, path, direction::AbstractVector{<:Real}; scale = 1, tokens = nothing)
    values, tokens = Vector{Float32}(direction), token_numbers(tokens)
    tokens === nothing && return interventions
    changing(interventions, path) do pointer, path, err
        LibEidos.eidos_interventions_add_direction(pointer, path, values, length(values), scale, tokens, length(tokens), err)
    end
end

"""
    ablate!(interventions, module, explainer, concept; tokens = nothing)

Takes a concept out of the columns of a module: subtracts its activation times its column of the [`dictionary`](@ref).
"""
function ablate!(interventions::Interventions, path, explainer::Explainer, concept::Integer; tokens = nothing)
    concept, tokens = concept_numbers(explainer, [concept])[1], token_numbers(tokens)
    tokens === nothing && return interventions
    changing(interventions, path, explainer.handle) do pointer, path, explainer, err
        LibEidos.eidos_interventions_ablate_concept(pointer, path, explainer, concept, tokens, length(tokens), err)
    end
end

"""
    clamp!(interventions, module, explainer, concept, value; tokens = nothing)

Lets a concept have the activation `value` in the columns of a module.
"""
function Base.clamp!(interventions::Interventions, path, explainer::Explainer, concept::Integer, value::Real; tokens = nothing)
    concept, tokens = concept_numbers(explainer, [concept])[1], token_numbers(tokens)
    tokens === nothing && return interventions
    changing(interventions, path, explainer.handle) do pointer, path, explainer, err
        LibEidos.eidos_interventions_clamp_concept(pointer, path, explainer, concept, value, tokens, length(tokens), err)
    end
end

# Tokens as the library counts them; none for all of them, and `nothing` where none are named, which changes nothing.
token_numbers(::Nothing) = Csize_t[]
token_numbers(tokens) = isempty(tokens) ? nothing : Csize_t[token - 1 for token in tokens]

function changing(call, interventions, path, others...)
    path = split_point(path)
    use(interventions.handle, others...) do pointers...
        check(err -> call(pointers[1], path, pointers[2:end]..., err))
    end
    interventions
end

Base.length(interventions::Interventions) = Int(use(LibEidos.eidos_interventions_count, interventions.handle))
Base.show(io::IO, interventions::Interventions) = isopen(interventions) ?
    print(io, length(interventions), " Interventions") : print(io, "Interventions (closed)")

# Runs `call` with the pointer to interventions, which may be none.
use_interventions(call, ::Nothing) = call(Ptr{LibEidos.eidos_interventions}(C_NULL))
use_interventions(call, interventions::Interventions) = use(call, interventions.handle)
