# Finding concepts by decompositions and factorisations: a type for each method.

# Defines a method for [`fit`](@ref) with a number of concepts: its type, its options, and the C function that fits it.
macro method(name, options, call)
    esc(quote
        struct $name <: Method
            concepts::Int
            keywords::NamedTuple
        end

        function $name(concepts; keywords...)
            method = $name(concepts, (; keywords...))
            Options(method) # throws for an unknown option
            method
        end

        Options(method::$name) = $options(; concept_count = method.concepts, method.keywords...)

        fit_function(::$name) = LibEidos.$call
    end)
end

@method TruncatedSVD svd_options eidos_svd_fit

@doc """
    TruncatedSVD(concepts; threads = nothing)

Truncated singular value decomposition, for [`fit`](@ref): it finds the `concepts` orthogonal directions that reach the farthest
from zero, as principal components of activations that are not centred. The field `measures` of the [`Explainer`](@ref) has
`:singular_values`, `:explained_variance` and `:explained_variance_ratio`, a number for each concept.

# Keywords
$(keyword_docs(SVD_OPTIONS_DOCS; hidden = (:concept_count,)))
""" TruncatedSVD

@method KMeans kmeans_options eidos_kmeans_fit

@doc """
    KMeans(concepts; codes = :one_hot, ...)

k-means, for [`fit`](@ref): it finds `concepts` centres, each the mean of the observations that are nearest to it. The field
`measures` of the [`Explainer`](@ref) has `:inertia`, the sum of the squared distances between observations and their nearest
centres, and `:cluster_sizes`, a number for each concept.

# Keywords
$(keyword_docs(KMEANS_OPTIONS_DOCS; hidden = (:concept_count,)))
""" KMeans

@method RandomDirections random_directions_options eidos_random_directions_fit

@doc """
    RandomDirections(concepts; seed = 0, threads = nothing)

Directions drawn at random, for [`fit`](@ref): the baseline that concepts of any method must beat. Up to as many as features are
orthonormal; more have length 1.

# Keywords
$(keyword_docs(RANDOM_DIRECTIONS_OPTIONS_DOCS; hidden = (:concept_count,)))
""" RandomDirections

@method SparsePCA sparse_pca_options eidos_sparse_pca_fit

@doc """
    SparsePCA(concepts; penalty = 1.0, ...)

Sparse principal component analysis, for [`fit`](@ref): it finds `concepts` directions that have few features, from which sums come
near to the centred activations, as scikit-learn's `SparsePCA` does. The field `measures` of the [`Explainer`](@ref) has
`:nonzero_columns`, a number for each concept, and `:objective`.

# Keywords
$(keyword_docs(SPARSE_PCA_OPTIONS_DOCS; hidden = (:concept_count,)))
""" SparsePCA

@method NMF nmf_options eidos_nmf_fit

@doc """
    NMF(concepts; rectify = false, ...)

Non-negative matrix factorisation, for [`fit`](@ref): it finds `concepts` parts whose sums approximate activations that have no
negative values. The field `measures` of the [`Explainer`](@ref) has `:reconstruction_error`, `:relative_error` and
`:mean_nonzero_codes`.

# Keywords
$(keyword_docs(NMF_OPTIONS_DOCS; hidden = (:concept_count,)))
""" NMF

@method SemiNMF semi_nmf_options eidos_semi_nmf_fit

@doc """
    SemiNMF(concepts; ...)

Semi-non-negative matrix factorisation, for [`fit`](@ref): it finds `concepts` atoms whose sums approximate any activations, with
codes that are not negative. The field `measures` of the [`Explainer`](@ref) is that of [`NMF`](@ref).

# Keywords
$(keyword_docs(SEMI_NMF_OPTIONS_DOCS; hidden = (:concept_count,)))
""" SemiNMF

@method ConvexNMF convex_nmf_options eidos_convex_nmf_fit

@doc """
    ConvexNMF(concepts; candidate_count = 4096, ...)

Convex non-negative matrix factorisation, for [`fit`](@ref): it finds `concepts` atoms that are sums of activations with weights that
are not negative, and whose sums approximate activations with codes that are not negative. The field `measures` of the
[`Explainer`](@ref) is that of [`NMF`](@ref), and has `:rows_per_concept`, a number for each concept.

# Keywords
$(keyword_docs(CONVEX_NMF_OPTIONS_DOCS; hidden = (:concept_count,)))
""" ConvexNMF

@method DictionaryLearning dictionary_learning_options eidos_dictionary_learning_fit

@doc """
    DictionaryLearning(concepts; penalty = 1.0, positive_codes = true, ...)

Dictionary learning, for [`fit`](@ref): it finds `concepts` atoms of which each observation needs few. The field `measures` of the
[`Explainer`](@ref) is that of [`NMF`](@ref).

# Keywords
$(keyword_docs(DICTIONARY_LEARNING_OPTIONS_DOCS; hidden = (:concept_count,)))
""" DictionaryLearning

"""
    Neurons(; threads = nothing)

Neurons as concepts, for [`fit`](@ref): each feature of the activations is one, and codes are the activations themselves.

# Keywords
$(keyword_docs(NEURONS_OPTIONS_DOCS))
"""
struct Neurons <: Method
    keywords::NamedTuple

    function Neurons(; keywords...)
        neurons_options(; keywords...) # throws for an unknown option
        new((; keywords...))
    end
end

Options(neurons::Neurons) = neurons_options(; neurons.keywords...)

fit_function(::Neurons) = LibEidos.eidos_neurons_fit
