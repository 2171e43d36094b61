/// Interpreting concepts by the inputs that excite them most.
#ifndef EIDOS_TOP_INPUTS_HPP
#define EIDOS_TOP_INPUTS_HPP

#include "activations.hpp"
#include "control.hpp"
#include "explainer.hpp"
#include "inputs.hpp"
#include "interpretation.hpp"
#include "options.hpp"
#include "split_model.hpp"

#include <eidos.h>

namespace eidos {

/// The inputs that excite each concept most, among activations that are there already. Occurrences of the same text count
/// once, with their strongest activation; a list ends before the first activation that is exactly zero, so a dead concept
/// has none.
[[nodiscard]] inline Interpretation interpret_top_inputs(const Explainer &explainer, const Activations &activations,
                                                         const TopInputsOptions &options = {}, const Control &control = {})
{
    const auto c_options = detail::to_c(options);
    return control.create<Interpretation>(eidos_top_inputs_interpret, explainer.handle(), activations.handle(), &c_options);
}

/// The inputs that excite each concept most, among the units of new inputs or texts, or among the entries of the vocabulary:
/// SplitModel::inputs_from_vocabulary(). The model must have the explainer's split point.
[[nodiscard]] inline Interpretation interpret_top_inputs(const Explainer &explainer, const SplitModel &model,
                                                         const InputsArg &inputs, const TopInputsOptions &options = {},
                                                         const ActivationsOptions &activations_options = {},
                                                         const Control &control = {})
{
    const auto c_options = detail::to_c(options);
    const auto c_activations_options = detail::to_c(activations_options);
    InputsOptions inputs_options;
    inputs_options.threads = c_activations_options.threads;
    const Inputs made = inputs.for_model(model.handle(), inputs_options, control);
    return control.create<Interpretation>(eidos_top_inputs_interpret_inputs, explainer.handle(), model.handle(),
                                          made.handle(), &c_options, &c_activations_options);
}

} // namespace eidos

#endif
