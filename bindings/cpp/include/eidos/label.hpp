/// What a language model calls a concept.
#ifndef EIDOS_LABEL_HPP
#define EIDOS_LABEL_HPP

#include "error.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace eidos {

/// The name of one pole of a concept.
struct Label {
    /// The label; nothing when there is none, and then `error` says why.
    std::optional<std::string> text = {};
    /// How well the label tells unseen passages apart: the balanced accuracy from 0 to 1, where 0.5 is chance. Nothing when it
    /// was not scored.
    std::optional<double> score = {};
    /// Why there is no label, or a label without a score; nothing when all went well.
    std::optional<Error> error = {};
    /// What the model would be asked: the message of the user. Of a dry run only.
    std::optional<std::string> prompt = {};
};

/// What the labels of one interpretation have cost.
struct LabelUsage {
    /// Requests that were sent; a repetition counts.
    std::uint64_t requests = 0;
    /// Questions that the cache answered.
    std::uint64_t cached = 0;
    /// Tokens of the questions, as the server counted them.
    std::uint64_t prompt_tokens = 0;
    /// Tokens of the answers, as the server counted them.
    std::uint64_t completion_tokens = 0;
    /// Answers whose server did not say what they cost.
    std::uint64_t unreported = 0;
    /// Whether nothing was asked and the numbers are an estimate.
    bool dry_run = false;
};

} // namespace eidos

#endif
