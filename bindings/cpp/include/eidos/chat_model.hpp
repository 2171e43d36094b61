/// Language models of the caller's own, which are asked questions.
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

/// A question to a language model.
struct ChatRequest {
    /// What the model is to do.
    std::string system_prompt;
    /// What it is to do it with: the message of the user.
    std::string user_prompt;
    /// The JSON schema of the answer, for models that can be held to one. Answers that follow it roughly are read too.
    std::string json_schema;
    /// How many tokens the answer should have at most.
    std::uint32_t max_tokens = 0;
};

/// What one answer cost, in tokens.
struct ChatTokens {
    /// Tokens of the question.
    std::uint64_t prompt = 0;
    /// Tokens of the answer.
    std::uint64_t completion = 0;
};

/// The answer of a language model; a string will do.
struct ChatAnswer {
    ChatAnswer(std::string text_, std::optional<ChatTokens> tokens_ = {}) : text(std::move(text_)), tokens(tokens_) {}
    ChatAnswer(std::string_view text_, std::optional<ChatTokens> tokens_ = {}) : ChatAnswer(std::string(text_), tokens_) {}
    ChatAnswer(const char *text_, std::optional<ChatTokens> tokens_ = {}) : ChatAnswer(std::string(text_), tokens_) {}

    /// What it says, in UTF-8.
    std::string text;
    /// What it cost, for the usage and the token budget. An answer without it counts with the most that it can have cost.
    std::optional<ChatTokens> tokens;
};

/// A language model of your own: it answers a question, or throws.
///
/// What it throws makes one concept fail and not the others; the concept's Label::error is an Error with that message. An
/// Error keeps its status: access_denied, not_found and budget_exhausted stop asking for further concepts. Whatever else is
/// thrown becomes unusable_answer. To stop altogether, cancel the Control of the call.
///
/// It runs on the thread that asks for labels, one question after the other. Where several threads ask with the same Chat, it runs
/// on each of them at the same time.
using ChatModel = std::function<ChatAnswer(const ChatRequest &)>;

namespace detail {

inline ChatRequest from_c(const eidos_chat_request &request)
{
    return {{request.system_prompt, request.system_prompt_len},
            {request.user_prompt, request.user_prompt_len},
            {request.json_schema, request.json_schema_len},
            request.max_tokens};
}

/// Says why there is no answer, and returns the status that the library is to see.
inline eidos_status refuse(eidos_chat_reply *reply, Status status, const char *message) noexcept
{
    eidos_chat_reply_set_error(reply, message, nullptr);
    return static_cast<eidos_status>(status == Status::ok ? Status::unusable_answer : status);
}

/// Asks the ChatModel behind `model`. What it throws must not pass through the library, which is not C++. An
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
