# Finding concepts: a fit for each method.

export ICA, PCA

# What [`fit`](@ref) takes: the options of a method, and which call fits it.
abstract type Method end

"""
    ICA(concepts; algorithm = :parallel, contrast = :logcosh, ...)

Independent component analysis with FastICA (Hyvarinen, 1999), for [`fit`](@ref): it finds `concepts` directions along
which the activations have heavy tails.

# Keywords
* `algorithm`: all components at once (`:parallel`), or one after the other (`:deflation`).
* `contrast`: `:logcosh`, a good general choice; `:exp`, robust, for very heavy tails; or `:cube`, kurtosis.
* `alpha`: the parameter of log cosh, from 1 to 2 (1).
* `tolerance`: iterations stop when no component turns by more than this, 1 minus the cosine (1e-4).
* `max_iterations`: the most iterations (200).
* `seed`: the seed of the start matrix, drawn as NumPy's `RandomState(seed).normal` (0).
* `raw_signs`: keep the signs that the iteration ended with, instead of turning heavy tails to the positive side (`false`).
* `threads`: how many threads work (one per core). Results do not depend on it.
"""
struct ICA <: Method
    concepts::Int
    algorithm::Symbol
    contrast::Symbol
    alpha::Union{Nothing,Float64}
    tolerance::Union{Nothing,Float64}
    max_iterations::Union{Nothing,Int}
    seed::Int
    raw_signs::Bool
    threads::Union{Nothing,Int}
end

ICA(concepts; algorithm = :parallel, contrast = :logcosh, alpha = nothing, tolerance = nothing, max_iterations = nothing,
    seed = 0, raw_signs = false, threads = nothing) =
    ICA(concepts, algorithm, contrast, alpha, tolerance, max_iterations, seed, raw_signs, threads)

Options(ica::ICA) = Options{LibEidos.eidos_ica_options}(;
    concept_count = ica.concepts, algorithm = choice(:algorithm, ica.algorithm, ALGORITHMS),
    contrast = choice(:contrast, ica.contrast, CONTRASTS), ica.alpha, ica.tolerance, ica.max_iterations, ica.seed,
    ica.raw_signs, ica.threads)

fit_function(::ICA) = LibEidos.eidos_ica_fit

"""
    PCA(concepts; whiten = false, threads = nothing)

Principal component analysis, for [`fit`](@ref): it finds the `concepts` orthogonal directions along which the activations
vary most, each with its entry of largest magnitude positive. The field `measures` of the [`Explainer`](@ref) has
`:explained_variance` and `:explained_variance_ratio`, a number for each concept, and `:noise_variance`.

# Keywords
* `whiten`: scale codes to unit variance (`false`).
* `threads`: how many threads work (one per core). Results do not depend on it.
"""
struct PCA <: Method
    concepts::Int
    whiten::Bool
    threads::Union{Nothing,Int}
end

PCA(concepts; whiten = false, threads = nothing) = PCA(concepts, whiten, threads)

Options(pca::PCA) = Options{LibEidos.eidos_pca_options}(; concept_count = pca.concepts, pca.whiten, pca.threads)
fit_function(::PCA) = LibEidos.eidos_pca_fit

"""
    fit(ICA(50), acts; progress = nothing, control = nothing)

An [`Explainer`](@ref) with the concepts that a method finds in [`Activations`](@ref), or in a matrix of your own, features
x observations. Not converging is a result: see the field `converged`. `progress` is a function of a [`Progress`](@ref),
or `true` for a bar on the terminal; `control` a [`Control`](@ref).

Throws an [`EidosError`](@ref): `:invalid_argument` for more concepts than features or observations, `:invalid_data` for
NaN and constant numbers, `:cancelled`, ...

The name is also that of StatsAPI and MultivariateStats: where both are loaded, write `Eidos.fit`.
"""
function fit(method::Method, acts::Activations; progress = nothing, control = nothing)
    options = Options(method)
    call = fit_function(method)
    handle = Handle{LibEidos.eidos_explainer}()
    use(acts.handle) do pointer
        long_call(control, progress) do control
            check(err -> call(pointer, options, control, handle, err))
        end
    end
    Explainer(handle)
end

fit(method::Method, matrix::AbstractMatrix; keywords...) = Activations(acts -> fit(method, acts; keywords...), matrix)
