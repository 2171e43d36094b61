# Sparse autoencoders and transcoders.

export reconstruct!

"""
    SAE(concepts; kind = :batch_top_k, k = 0, checkpoint = nothing, ...)

A sparse autoencoder, for [`fit`](@ref): it learns `concepts` concepts, of which each column of activations has few, that
reconstruct the columns. The field `measures` of the [`Explainer`](@ref) has, on columns that were held out, `:fvu`, the fraction
of variance unexplained, `:l0`, the concepts of a column on average, and `:loss`; and the shares of concepts that are `:dead` and
`:dense`. A training that is cancelled goes on from its `checkpoint`, a file.

# Keywords
$(keyword_docs(SAE_OPTIONS_DOCS; hidden = (:concept_count,)))
"""
struct SAE <: Method
    concepts::Int
    keywords::NamedTuple
end

function SAE(concepts; keywords...)
    sae = SAE(concepts, (; keywords...))
    Options(sae) # throws for an unknown option
    sae
end

Options(sae::SAE) = sae_options(; concept_count = sae.concepts, sae.keywords...)

fit_function(::SAE) = LibEidos.eidos_sae_fit

"""
    fit(SAE(4096), inputs, outputs; progress = nothing, control = nothing)

A transcoder: an [`Explainer`](@ref) that reads the [`Activations`](@ref) of one module and gives those of another, such as the
output of an MLP whose input it reads. Both have the same units, column by column.
"""
function fit(sae::SAE, inputs::Activations, outputs::Activations; progress = nothing, control = nothing)
    options = Options(sae)
    handle = Handle{LibEidos.eidos_explainer}()
    use(inputs.handle, outputs.handle) do read, given
        long_call(control, progress) do control
            check(err -> LibEidos.eidos_sae_fit_transcoder(read, given, options, control, handle, err))
        end
    end
    Explainer(handle)
end

"""
    fit(SAE(4096), model, texts; split = 1, output_split = nothing, progress = nothing, control = nothing, ...)

An autoencoder of the activations that a [`SplitModel`](@ref) gives for texts or [`Inputs`](@ref), at its split point of that number.
Nobody keeps them: the model makes those that are shuffled together when they are read, in each pass again. The result is that of
a training on [`activations`](@ref) with the same keywords, bit for bit. With `output_split` it is a transcoder, which gives the
activations at that split point; the model runs for each of the two.
"""
function fit(
    sae::SAE, model::SplitModel, texts;
    split = 1, output_split = nothing, progress = nothing, control = nothing, threads = 0, keywords...,
)
    options, collecting = Options(sae), activations_options(; threads, keywords...)
    handle = Handle{LibEidos.eidos_explainer}()
    with_inputs(model, texts; threads, control, progress) do inputs
        use(model.handle, inputs) do model, inputs
            long_call(control, progress) do control
                check() do err
                    if isnothing(output_split)
                        LibEidos.eidos_sae_fit_texts(model, inputs, split - 1, collecting, options, control, handle, err)
                    else
                        LibEidos.eidos_sae_fit_transcoder_texts(
                            model, inputs, split - 1, output_split - 1, collecting, options, control, handle, err,
                        )
                    end
                end
            end
        end
    end
    Explainer(handle)
end

# How many features are decoded; where nothing can be, the call says so.
function decoded_features(explainer)
    width = Int(use(LibEidos.eidos_explainer_output_width, explainer.handle))
    width == 0 ? explainer.features : width
end

"""
    reconstruct(explainer, matrix)

The activations that the concepts of a matrix give back: features x observations, or a vector from a vector. For a transcoder they
are those of its output. An explainer that normalises each column reconstructs only so, and not with [`decode`](@ref).
"""
function reconstruct(explainer::Explainer, matrix::AbstractMatrix{<:Real})
    rebuilt = Matrix{Float32}(undef, decoded_features(explainer), size(matrix, 2))
    map_columns!(LibEidos.eidos_explainer_reconstruct, rebuilt, explainer, matrix)
end

reconstruct(explainer::Explainer, vector::AbstractVector{<:Real}) = vec(reconstruct(explainer, reshape(vector, :, 1)))

"""
    reconstruct!(interventions, module, explainer; tokens = nothing)

Puts what an explainer reconstructs of the columns of a module in their place: how much worse the model becomes says what the
concepts miss.
"""
function reconstruct!(interventions::Interventions, path, explainer::Explainer; tokens = nothing)
    tokens = token_numbers(tokens)
    tokens === nothing && return interventions
    changing(interventions, path, explainer.handle) do pointer, path, explainer, err
        LibEidos.eidos_interventions_reconstruct(pointer, path, explainer, tokens, length(tokens), err)
    end
end
