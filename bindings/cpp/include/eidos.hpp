/// Eidos for C++17 and later: what is a language model thinking about?
///
///     auto model = eidos::SplitModel::load("eidos:demo", "model.layers.2.mlp");
///     auto activations = model.activations(texts);                              // one row per word
///     auto explainer = eidos::fit_ica(activations, {.concept_count = 20});      // C++17: name an eidos::IcaOptions
///     auto meaning = eidos::interpret_top_inputs(explainer, activations);
///     std::cout << meaning.json() << '\n';
///
/// Errors. A call that fails throws eidos::Error: a status, a message, a hint that says what to do, and details. A call that
/// was cancelled throws eidos::Cancelled, which is an Error too.
///
/// Objects. SplitModel, Inputs, Interventions, Activations, Explainer, Interpretation, Explanation, Chat and Control own one
/// handle of the C library each. They move and do not copy; what they need of one another they keep alive by themselves, so
/// they may be destroyed in any order. A moved-from object throws when it is used. To share one, put it into a std::shared_ptr.
///
/// Views. MatrixView and Span refer to memory of the object that returned them, and are valid as long as it lives;
/// moving the object keeps them valid. A view of a temporary does not compile. Strings are copies.
///
/// Threads. `const` member functions may run on many threads at the same time.
///
/// Strings are UTF-8. Options that are not set have the library's defaults.
///
/// Licence: MIT OR Apache-2.0.
#ifndef EIDOS_HPP
#define EIDOS_HPP

#include "eidos/activations.hpp"
#include "eidos/chat.hpp"
#include "eidos/chat_model.hpp"
#include "eidos/control.hpp"
#include "eidos/devices.hpp"
#include "eidos/enumerations.hpp"
#include "eidos/error.hpp"
#include "eidos/explain.hpp"
#include "eidos/explainer.hpp"
#include "eidos/inputs.hpp"
#include "eidos/interpretation.hpp"
#include "eidos/interventions.hpp"
#include "eidos/label.hpp"
#include "eidos/llm_labels.hpp"
#include "eidos/matrix.hpp"
#include "eidos/methods.hpp"
#include "eidos/options.hpp"
#include "eidos/report.hpp"
#include "eidos/split_model.hpp"
#include "eidos/strings.hpp"
#include "eidos/texts.hpp"
#include "eidos/top_inputs.hpp"
#include "eidos/version.hpp"

#endif
