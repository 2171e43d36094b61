/// Language models that are asked questions: behind an HTTP server, or the caller's own function.
#ifndef EIDOS_CHAT_HPP
#define EIDOS_CHAT_HPP

#include "detail/call.hpp"
#include "error.hpp"
#include "strings.hpp"

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
using ChatModel = std::function<ChatAnswer(const ChatRequest &)>;

/// Which language model is asked, and how.
struct ChatOptions {
    /// The name of the model, as its server knows it. With `answer` it is needed for the cache only.
    std::string model = {};
    /// The address that `/chat/completions` is appended to. Empty: `OPENAI_BASE_URL`, else `https://api.openai.com/v1`.
    std::string base_url = {};
    /// The key of the account. Nothing: `OPENAI_API_KEY`, which is sent over https and to this very machine only; an empty
    /// string sends none. It appears in no error and in no cache.
    std::optional<std::string> api_key = {};
    /// A folder that keeps every answer, so that the same question is paid for once and an interrupted run goes on where it
    /// stopped. It is made if it is not there. Empty: no cache.
    std::string cache_folder = {};
    /// How many tokens one answer may have; 0 means 1024. Models that think first need some thousands.
    std::uint32_t max_tokens = 0;
    /// How long one request may take, with its answer; 0 means 120.
    std::uint32_t timeout_seconds = 0;
    /// How often a request is repeated that failed for a reason that may pass: no connection, 408, 409, 429 and 5xx.
    std::uint32_t retries = 4;
    /// How many requests may be on their way at the same time; 0 means 4. `answer` is asked one question at a time.
    std::uint32_t parallel_requests = 0;
    /// How much chance there is in the answers; nothing leaves it to the server.
    std::optional<double> temperature = 0.0;
    /// The most requests that may be sent, repetitions counted; 0 is no limit.
    std::uint64_t request_budget = 0;
    /// The most tokens that may be spent, of questions and answers together; 0 is no limit. A request that could exceed it is
    /// not sent.
    std::uint64_t token_budget = 0;
    /// A model of your own, which is asked instead of a server, on the thread that makes the call.
    ChatModel answer = {};
};

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

/// Options as eidos.h wants them; they point into `options`.
inline eidos_chat_options to_c(const ChatOptions &options EIDOS_LIFETIMEBOUND)
{
    eidos_chat_options result = defaults(eidos_chat_options_init);
    result.model = c_str_or_null(options.model);
    result.base_url = c_str_or_null(options.base_url);
    if (options.api_key) {
        check_string(*options.api_key);
        result.api_key = options.api_key->c_str(); // empty is not NULL here
    }
    result.cache_folder = c_str_or_null(options.cache_folder);
    result.max_tokens = options.max_tokens;
    result.timeout_seconds = options.timeout_seconds;
    result.retries = options.retries;
    result.parallel_requests = options.parallel_requests;
    result.temperature = options.temperature.value_or(-1);
    result.request_budget = options.request_budget;
    result.token_budget = options.token_budget;
    if (options.answer) {
        result.callback = ask;
        result.user_data = const_cast<ChatModel *>(&options.answer); // called as const
    }
    return result;
}

} // namespace detail
} // namespace eidos

#endif
