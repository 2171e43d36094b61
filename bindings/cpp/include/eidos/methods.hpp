/// Finding concepts: a fit for each method.
#ifndef EIDOS_METHODS_HPP
#define EIDOS_METHODS_HPP

#include "activations.hpp"
#include "control.hpp"
#include "explainer.hpp"
#include "inputs.hpp"
#include "options.hpp"
#include "split_model.hpp"

#include <eidos.h>

#include <cstddef>

namespace eidos {

/// Finds the independent components of activations with FastICA (Hyvarinen, 1999): directions along which the activations
/// have heavy tails. Not converging is a result, see Explainer::fit_report().
[[nodiscard]] inline Explainer fit_ica(const Activations &activations, const IcaOptions &options,
                                       const Control &control = {})
{
    const auto c_options = detail::to_c(options);
    return control.create<Explainer>(eidos_ica_fit, activations.handle(), &c_options);
}

/// Finds the principal components of activations: the orthogonal directions along which they vary most, each with its entry
/// of largest magnitude positive. Explainer::fit_report() has the variance that each explains.
[[nodiscard]] inline Explainer fit_pca(const Activations &activations, const PcaOptions &options,
                                       const Control &control = {})
{
    const auto c_options = detail::to_c(options);
    return control.create<Explainer>(eidos_pca_fit, activations.handle(), &c_options);
}

/// Trains a sparse autoencoder: many concepts, of which each row has few, that reconstruct the rows. Explainer::fit_report() has
/// `fvu`, `l0`, `loss`, `dead` and `dense`. A training that is cancelled goes on from the checkpoint of its options.
[[nodiscard]] inline Explainer fit_sae(const Activations &activations, const SaeOptions &options,
                                       const Control &control = {})
{
    const auto c_options = detail::to_c(options);
    return control.create<Explainer>(eidos_sae_fit, activations.handle(), &c_options);
}

/// Trains a sparse autoencoder on the rows that a model gives for inputs or texts at its split point of that number. Nobody keeps the
/// rows: the model makes those that are shuffled together when they are read, in each pass again. The result has the bits of
/// fit_sae() on activations that were collected with the same options.
[[nodiscard]] inline Explainer fit_sae(const SplitModel &model, const InputsArg &inputs, const SaeOptions &options,
                                       const ActivationsOptions &activations = {}, std::size_t split_point = 0,
                                       const Control &control = {})
{
    const auto c_options = detail::to_c(options);
    const auto c_activations = detail::to_c(activations);
    InputsOptions inputs_options;
    inputs_options.threads = activations.threads;
    const Inputs made = inputs.for_model(model.handle(), inputs_options, control);
    return control.create<Explainer>(eidos_sae_fit_texts, model.handle(), made.handle(), split_point, &c_activations, &c_options);
}

/// Trains a transcoder: as fit_sae(), but what it gives are the rows of another module, such as the output of an MLP whose input
/// it reads. Both have the same units, row by row.
[[nodiscard]] inline Explainer fit_transcoder(const Activations &inputs, const Activations &outputs,
                                              const SaeOptions &options, const Control &control = {})
{
    const auto c_options = detail::to_c(options);
    return control.create<Explainer>(eidos_sae_fit_transcoder, inputs.handle(), outputs.handle(), &c_options);
}

/// Trains a transcoder on the rows that a model gives for inputs or texts at two of its split points, as fit_sae() trains straight from
/// texts: those of the first are read, and those of the second are to be given. The model runs for each of the two.
[[nodiscard]] inline Explainer fit_transcoder(const SplitModel &model, const InputsArg &inputs, const SaeOptions &options,
                                              const ActivationsOptions &activations = {}, std::size_t split_point = 0,
                                              std::size_t output_split_point = 1, const Control &control = {})
{
    const auto c_options = detail::to_c(options);
    const auto c_activations = detail::to_c(activations);
    InputsOptions inputs_options;
    inputs_options.threads = activations.threads;
    const Inputs made = inputs.for_model(model.handle(), inputs_options, control);
    return control.create<Explainer>(eidos_sae_fit_transcoder_texts, model.handle(), made.handle(), split_point,
                                     output_split_point, &c_activations, &c_options);
}

} // namespace eidos

#endif
