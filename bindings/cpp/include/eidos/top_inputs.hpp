/// Interpreting concepts by the inputs that excite them most.
#ifndef EIDOS_TOP_INPUTS_HPP
#define EIDOS_TOP_INPUTS_HPP

#include "activations.hpp"
#include "control.hpp"
#include "explainer.hpp"
#include "interpretation.hpp"
#include "options.hpp"
#include "split_model.hpp"
#include "strings.hpp"

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

/// The inputs that excite each concept most, among the units of new texts. The model must have the explainer's split point.
[[nodiscard]] inline Interpretation
interpret_top_inputs_of_texts(const Explainer &explainer, const SplitModel &model, const StringArgs &texts,
                              const TopInputsOptions &options = {}, const ActivationsOptions &activations_options = {},
                              const Control &control = {})
{
    const auto c_options = detail::to_c(options);
    const auto c_activations_options = detail::to_c(activations_options);
    return control.create<Interpretation>(eidos_top_inputs_interpret_texts, explainer.handle(), model.handle(),
                                          texts.data(), texts.size(), &c_options, &c_activations_options);
}

/// The entries of the tokenizer's vocabulary that excite each concept most, each run as a sequence of one token. The model
/// must have the explainer's split point.
[[nodiscard]] inline Interpretation
interpret_top_inputs_of_vocabulary(const Explainer &explainer, const SplitModel &model,
                                   const TopInputsOptions &options = {},
                                   const ActivationsOptions &activations_options = {}, const Control &control = {})
{
    const auto c_options = detail::to_c(options);
    const auto c_activations_options = detail::to_c(activations_options);
    return control.create<Interpretation>(eidos_top_inputs_interpret_vocabulary, explainer.handle(), model.handle(),
                                          &c_options, &c_activations_options);
}

} // namespace eidos

#endif
