/// Language models of the caller's own.
#ifndef EIDOS_CHAT_MODEL_HPP
#define EIDOS_CHAT_MODEL_HPP

#include "detail/call.hpp"
#include "error.hpp"

#include <eidos.h>

#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace eidos {

/// A request to a language model.
struct ChatRequest {
    /// The system message: the instructions.
    std::string system_prompt;
    /// The user message: what the instructions are about.
    std::string user_prompt;
    /// The JSON schema of the answer, for models with structured output. Answers that follow it only roughly are parsed
    /// too.
    std::string json_schema;
    /// The most tokens that the answer should have.
    std::uint32_t max_tokens = 0;
};

/// What one answer cost, in tokens.
struct ChatTokens {
    /// Tokens of the prompt.
    std::uint64_t prompt = 0;
    /// Tokens of the answer.
    std::uint64_t completion = 0;
};

/// The answer of a language model; it can be made from a string.
struct ChatAnswer {
    ChatAnswer(std::string text_, std::optional<ChatTokens> tokens_ = {}) : text(std::move(text_)), tokens(tokens_) {}
    ChatAnswer(std::string_view text_, std::optional<ChatTokens> tokens_ = {}) : ChatAnswer(std::string(text_), tokens_) {}
    ChatAnswer(const char *text_, std::optional<ChatTokens> tokens_ = {}) : ChatAnswer(std::string(text_), tokens_) {}

    /// The text of the answer, in UTF-8.
    std::string text;
    /// What the answer cost, for the usage and the token budget. Without it, the largest possible cost is counted.
    std::optional<ChatTokens> tokens;
};

/// A language model of your own: a function that answers a request, or throws.
///
/// An exception makes one concept fail and not the others; the concept's Label::error is an Error with that message. An
/// Error keeps its status: after access_denied, not_found and budget_exhausted no further requests are made. Any other
/// exception becomes unusable_answer. To stop the whole call, cancel its Control.
///
/// The function runs on the thread that labels, for one request at a time. When several threads label with the same
/// Chat, it runs on each of them at the same time.
using ChatModel = std::function<ChatAnswer(const ChatRequest &)>;

namespace detail {

inline ChatRequest from_c(const eidos_chat_request &request)
{
    return {{request.system_prompt, request.system_prompt_len},
            {request.user_prompt, request.user_prompt_len},
            {request.json_schema, request.json_schema_len},
            request.max_tokens};
}

/// Reports why there is no answer, and returns the status for the library.
inline eidos_status refuse(eidos_chat_reply *reply, Status status, const char *message) noexcept
{
    eidos_chat_reply_set_error(reply, message, nullptr);
    return static_cast<eidos_status>(status == Status::ok ? Status::unusable_answer : status);
}

/// Calls the ChatModel behind `model`. Exceptions must not pass through the library, which is not C++. An
/// eidos_chat_callback.
inline eidos_status ask(const eidos_chat_request *request, eidos_chat_reply *reply, void *model) noexcept
{
    try {
        const ChatAnswer answer = (*static_cast<const ChatModel *>(model))(from_c(*request));
        if (answer.tokens)
            eidos_chat_reply_set_usage(reply, answer.tokens->prompt, answer.tokens->completion);
        call(eidos_chat_reply_set_text, reply, answer.text.data(), answer.text.size());
        return EIDOS_OK;
    } catch (const Error &error) {
        return refuse(reply, error.status(), error.what());
    } catch (const std::exception &error) {
        return refuse(reply, Status::unusable_answer, error.what());
    } catch (...) {
        return refuse(reply, Status::unusable_answer, "it threw something that is not a std::exception");
    }
}

/// Frees the ChatModel behind `model`. An eidos_destroy_callback.
inline void destroy(void *model) noexcept { delete static_cast<ChatModel *>(model); }

} // namespace detail
} // namespace eidos

#endif
