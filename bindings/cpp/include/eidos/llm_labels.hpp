/// Labels for concepts, written by a language model.
#ifndef EIDOS_LLM_LABELS_HPP
#define EIDOS_LLM_LABELS_HPP

#include "activations.hpp"
#include "chat.hpp"
#include "control.hpp"
#include "explainer.hpp"
#include "interpretation.hpp"
#include "options.hpp"

#include <eidos.h>

namespace eidos {

/// Requests a label of each concept from a language model, which sees the units that excite the concept and the text
/// around them. The inputs of the interpretation are the examples that the model saw.
///
///     const eidos::Chat chat({.model = "gpt-4.1-mini", .request_budget = 500});
///     auto meaning = eidos::interpret_llm_labels(explainer, activations, chat);
///
/// A concept that cannot be labelled does not affect the others: its Label::error says why. The same holds for concepts
/// for which no request was sent, because the call was cancelled, the budget was exhausted or the key was refused. With
/// a cache folder, a later call continues from there. The call throws when no concept could be labelled, and it throws
/// what the callbacks of the Control throw.
[[nodiscard]] inline Interpretation interpret_llm_labels(const Explainer &explainer, const Activations &activations,
                                                         const Chat &chat, const LlmLabelsOptions &options = {},
                                                         const Control &control = {})
{
    const auto c_options = detail::to_c(options);
    return control.create<Interpretation>(eidos_llm_labels_interpret, explainer.handle(), activations.handle(),
                                          chat.handle(), &c_options);
}

} // namespace eidos

#endif
