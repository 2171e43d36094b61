/// Finding concepts by decompositions and factorisations: a fit for each method.
#ifndef EIDOS_DECOMPOSITIONS_HPP
#define EIDOS_DECOMPOSITIONS_HPP

#include "activations.hpp"
#include "control.hpp"
#include "explainer.hpp"
#include "options.hpp"

#include <eidos.h>

namespace eidos {

/// Finds the right singular vectors of activations with the largest singular values: principal components of activations that
/// are not centred. Explainer::fit_report() has the singular values and the variance that each explains.
[[nodiscard]] inline Explainer fit_svd(const Activations &activations, const SvdOptions &options,
                                       const Control &control = {})
{
    const auto c_options = detail::to_c(options);
    return control.create<Explainer>(eidos_svd_fit, activations.handle(), &c_options);
}

/// Finds centres of activations with k-means, each the mean of the rows that are nearest to it. Codes are 1 for the nearest
/// centre, shares, or proximities: see KmeansOptions::codes. Not converging is a result, see Explainer::fit_report().
[[nodiscard]] inline Explainer fit_kmeans(const Activations &activations, const KmeansOptions &options,
                                          const Control &control = {})
{
    const auto c_options = detail::to_c(options);
    return control.create<Explainer>(eidos_kmeans_fit, activations.handle(), &c_options);
}

/// Takes each neuron of the module, a column of its rows, for a concept: codes are the rows themselves.
[[nodiscard]] inline Explainer fit_neurons(const Activations &activations, const NeuronsOptions &options = {},
                                           const Control &control = {})
{
    const auto c_options = detail::to_c(options);
    return control.create<Explainer>(eidos_neurons_fit, activations.handle(), &c_options);
}

/// Draws directions at random, the baseline that concepts of any method must beat.
[[nodiscard]] inline Explainer fit_random_directions(const Activations &activations,
                                                     const RandomDirectionsOptions &options,
                                                     const Control &control = {})
{
    const auto c_options = detail::to_c(options);
    return control.create<Explainer>(eidos_random_directions_fit, activations.handle(), &c_options);
}

/// Finds directions that have few columns, from which sums come near to the centred activations, as scikit-learn's SparsePCA.
[[nodiscard]] inline Explainer fit_sparse_pca(const Activations &activations, const SparsePcaOptions &options,
                                              const Control &control = {})
{
    const auto c_options = detail::to_c(options);
    return control.create<Explainer>(eidos_sparse_pca_fit, activations.handle(), &c_options);
}

/// Finds parts whose sums approximate activations that have no negative values (NMF). Codes are never negative.
[[nodiscard]] inline Explainer fit_nmf(const Activations &activations, const NmfOptions &options,
                                       const Control &control = {})
{
    const auto c_options = detail::to_c(options);
    return control.create<Explainer>(eidos_nmf_fit, activations.handle(), &c_options);
}

/// Finds atoms whose sums approximate any activations, with codes that are not negative (semi-NMF).
[[nodiscard]] inline Explainer fit_semi_nmf(const Activations &activations, const SemiNmfOptions &options,
                                            const Control &control = {})
{
    const auto c_options = detail::to_c(options);
    return control.create<Explainer>(eidos_semi_nmf_fit, activations.handle(), &c_options);
}

/// Finds atoms that are sums of activations, and whose sums approximate activations, both without negative weights (convex NMF).
[[nodiscard]] inline Explainer fit_convex_nmf(const Activations &activations, const ConvexNmfOptions &options,
                                              const Control &control = {})
{
    const auto c_options = detail::to_c(options);
    return control.create<Explainer>(eidos_convex_nmf_fit, activations.handle(), &c_options);
}

/// Finds atoms of which each row of activations needs few (dictionary learning).
[[nodiscard]] inline Explainer fit_dictionary_learning(const Activations &activations,
                                                       const DictionaryLearningOptions &options,
                                                       const Control &control = {})
{
    const auto c_options = detail::to_c(options);
    return control.create<Explainer>(eidos_dictionary_learning_fit, activations.handle(), &c_options);
}

} // namespace eidos

#endif
