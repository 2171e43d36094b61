/// The label of a concept by a language model.
#ifndef EIDOS_LABEL_HPP
#define EIDOS_LABEL_HPP

#include "error.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace eidos {

/// The label of one pole of a concept.
struct Label {
    /// The label; nothing when there is none, and then `error` says why.
    std::optional<std::string> text = {};
    /// How well the label tells unseen passages apart: the balanced accuracy from 0 to 1, where 0.5 is chance. Nothing when it
    /// was not scored.
    std::optional<double> score = {};
    /// Why there is no label, or why the label has no score; nothing when all went well.
    std::optional<Error> error = {};
    /// The prompt that would be sent, as the user message; only in a dry run.
    std::optional<std::string> prompt = {};
};

/// What the labels of one interpretation cost.
struct LabelUsage {
    /// Requests that were sent, retries included.
    std::uint64_t requests = 0;
    /// Requests that the cache answered.
    std::uint64_t cached = 0;
    /// Prompt tokens, as the server counted them.
    std::uint64_t prompt_tokens = 0;
    /// Answer tokens, as the server counted them.
    std::uint64_t completion_tokens = 0;
    /// Answers for which the server reported no token counts.
    std::uint64_t unreported = 0;
    /// Whether this was a dry run: nothing was sent, and the numbers are an estimate.
    bool dry_run = false;
};

} // namespace eidos

#endif
