/// Interpreting concepts by the inputs that excite them most.
#ifndef EIDOS_TOP_INPUTS_HPP
#define EIDOS_TOP_INPUTS_HPP

#include "activations.hpp"
#include "control.hpp"
#include "detail/call.hpp"
#include "explainer.hpp"
#include "interpretation.hpp"
#include "split_model.hpp"
#include "strings.hpp"

#include <eidos.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace eidos {

/// Which inputs to list.
struct TopInputsOptions {
    /// How many inputs to list for each concept, at least 1; fewer are listed where there are fewer.
    std::uint64_t k = 5;
    /// Which concepts, in the order wanted; empty means all.
    std::vector<std::size_t> concepts = {};
    /// Also list the inputs with the most negative activations.
    bool negative_pole = false;
};

namespace detail {

/// Options as eidos.h wants them; they point into `options`.
inline eidos_top_inputs_options to_c(const TopInputsOptions &options EIDOS_LIFETIMEBOUND)
{
    eidos_top_inputs_options result = defaults(eidos_top_inputs_options_init);
    result.k = options.k;
    result.concepts = options.concepts.empty() ? nullptr : options.concepts.data();
    result.concept_count = options.concepts.size();
    result.negative_pole = options.negative_pole ? 1 : 0;
    return result;
}

} // namespace detail

/// The inputs that excite each concept most, among activations that are there already. Occurrences of the same text count
/// once, with their strongest activation; a list ends before the first activation that is exactly zero, so a dead concept
/// has none.
[[nodiscard]] inline Interpretation interpret_top_inputs(const Explainer &explainer, const Activations &activations,
                                                         const TopInputsOptions &options = {}, const Control &control = {})
{
    const eidos_top_inputs_options c_options = detail::to_c(options);
    return control.create<Interpretation>(eidos_interpret_top_inputs, explainer.handle(), activations.handle(), &c_options);
}

/// The inputs that excite each concept most, among the units of new texts. The model must have the explainer's split point.
[[nodiscard]] inline Interpretation
interpret_top_inputs_of_texts(const Explainer &explainer, const SplitModel &model, const StringArgs &texts,
                              const TopInputsOptions &options = {}, const ActivationsOptions &activations_options = {},
                              const Control &control = {})
{
    const eidos_top_inputs_options c_options = detail::to_c(options);
    const auto c_activations_options = detail::to_c(activations_options);
    return control.create<Interpretation>(eidos_interpret_top_inputs_of_texts, explainer.handle(), model.handle(),
                                          texts.data(), texts.size(), &c_options, &c_activations_options);
}

/// The entries of the tokenizer's vocabulary that excite each concept most, each run as a sequence of one token. The model
/// must have the explainer's split point.
[[nodiscard]] inline Interpretation
interpret_top_inputs_of_vocabulary(const Explainer &explainer, const SplitModel &model,
                                   const TopInputsOptions &options = {},
                                   const ActivationsOptions &activations_options = {}, const Control &control = {})
{
    const eidos_top_inputs_options c_options = detail::to_c(options);
    const auto c_activations_options = detail::to_c(activations_options);
    return control.create<Interpretation>(eidos_interpret_top_inputs_of_vocabulary, explainer.handle(), model.handle(),
                                          &c_options, &c_activations_options);
}

} // namespace eidos

#endif
