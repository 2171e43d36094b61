/// Interpreting concepts by labels that a language model writes.
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

/// Asks a language model for a label of each concept, from the units that excite it and the text around them. The inputs of
/// the interpretation are the examples that the model saw.
///
///     const eidos::Chat chat({.model = "gpt-4.1-mini", .request_budget = 500});
///     auto meaning = eidos::interpret_llm_labels(explainer, activations, chat);
///
/// A concept that cannot be labelled does not lose the others: its Label::error says why. That holds for the concepts, too,
/// that were not asked for because the call was cancelled while it labelled, the budget was spent or the key refused; with a
/// cache folder, a later call goes on there. The call throws only when not one concept could be labelled, and what the
/// callbacks of the Control throw.
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
