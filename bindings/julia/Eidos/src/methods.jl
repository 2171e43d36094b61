# Finding concepts: a fit for each method.

# A method for [`fit`](@ref): its options, and the C function that fits it.
abstract type Method end

"""
    ICA(concepts; algorithm = :parallel, contrast = :logcosh, ...)

Independent component analysis with FastICA (Hyvarinen, 1999), for [`fit`](@ref): it finds `concepts` directions along
which the activations have heavy tails.

# Keywords
$(keyword_docs(ICA_OPTIONS_DOCS; hidden = (:concept_count,)))
"""
struct ICA <: Method
    concepts::Int
    keywords::NamedTuple
end

function ICA(concepts; keywords...)
    ica = ICA(concepts, (; keywords...))
    Options(ica) # throws for an unknown option
    ica
end

Options(ica::ICA) = ica_options(; concept_count = ica.concepts, ica.keywords...)

fit_function(::ICA) = LibEidos.eidos_ica_fit

"""
    PCA(concepts; whiten = false, threads = nothing)

Principal component analysis, for [`fit`](@ref): it finds the `concepts` orthogonal directions along which the activations
vary most, each with its entry of largest magnitude positive. The field `measures` of the [`Explainer`](@ref) has
`:explained_variance` and `:explained_variance_ratio`, a number for each concept, and `:noise_variance`.

# Keywords
$(keyword_docs(PCA_OPTIONS_DOCS; hidden = (:concept_count,)))
"""
struct PCA <: Method
    concepts::Int
    keywords::NamedTuple
end

function PCA(concepts; keywords...)
    pca = PCA(concepts, (; keywords...))
    Options(pca) # throws for an unknown option
    pca
end

Options(pca::PCA) = pca_options(; concept_count = pca.concepts, pca.keywords...)

fit_function(::PCA) = LibEidos.eidos_pca_fit

"""
    fit(ICA(50), acts; progress = nothing, control = nothing)

An [`Explainer`](@ref) with the concepts that a method finds in [`Activations`](@ref), or in a matrix of your own, features
x observations. A fit that does not converge is not an error, see the field `converged`. `progress` is a function of a
[`Progress`](@ref), or `true` for a bar on the terminal; `control` a [`Control`](@ref).

Throws an [`EidosError`](@ref): `:invalid_argument` for more concepts than features or observations, `:invalid_data` for
NaN and constant numbers, `:cancelled`, ...

It is not exported, since StatsAPI and MultivariateStats have a `fit`, too; where one of them is loaded, that does the same.
"""
function fit(method::Method, acts::Activations; progress = nothing, control = nothing)
    options = Options(method)
    call = fit_function(method)
    handle = Handle{LibEidos.eidos_explainer}()
    summed(acts) do
        use(acts.handle) do pointer
            long_call(control, progress) do control
                check(err -> call(pointer, options, control, handle, err))
            end
        end
    end
    Explainer(handle)
end

fit(method::Method, matrix::AbstractMatrix; keywords...) = Activations(acts -> fit(method, acts; keywords...), matrix)
