/// Language models that label concepts.
#ifndef EIDOS_CHAT_HPP
#define EIDOS_CHAT_HPP

#include "chat_model.hpp"
#include "detail/call.hpp"
#include "detail/handle.hpp"
#include "options.hpp"

#include <eidos.h>

#include <cstdint>
#include <memory>
#include <utility>

namespace eidos {

/// What all calls together have spent with a Chat, and what is left of its budget.
struct ChatSpending {
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
    /// How many requests may still be sent; UINT64_MAX means no limit.
    std::uint64_t requests_left = UINT64_MAX;
    /// How many tokens may still be spent; UINT64_MAX means no limit. What requests in flight may need counts as spent.
    std::uint64_t tokens_left = UINT64_MAX;
};

/// A language model that labels concepts: one behind an OpenAI-compatible server, or a function of yours.
///
///     eidos::Chat chat({.model = "gpt-4.1-mini", .cache_folder = "labels-cache"});
///     eidos::Chat mine([](const eidos::ChatRequest &request) { return generate(request.user_prompt); });
///
/// The budget and its usage, the connections and the cache live as long as the object, from one call to the next. Any
/// number of threads may label with it at the same time; they share the budget.
class Chat : public detail::Handle<eidos_chat> {
public:
    /// Connects to a model behind a server. Nothing is sent yet. Throws an Error for invalid options.
    explicit Chat(const ChatOptions &options) : Chat(opened(options).release()) {}

    /// Wraps a function, with the cache, the budgets and the token limit of the options; the options of servers are not
    /// used. The function lives until this object, all objects that share() made from it, and all calls that use them
    /// have ended.
    explicit Chat(ChatModel model, const ChatOptions &options = {}) : Chat(opened(std::move(model), options).release()) {}

    /// Takes over a handle of eidos.h.
    using Handle::Handle;

    /// Another owner of the same model, with the same budget.
    [[nodiscard]] Chat share() const { return detail::create<Chat>(eidos_chat_retain, handle()); }

    /// What was spent since the object was made, and what is left. It does not wait for calls in progress.
    [[nodiscard]] ChatSpending spent() const
    {
        eidos_chat_spending spent;
        detail::call(eidos_chat_spent, handle(), &spent, sizeof spent);
        return {spent.requests,   spent.cached,        spent.prompt_tokens, spent.completion_tokens,
                spent.unreported, spent.requests_left, spent.tokens_left};
    }

private:
    using Owner = detail::Handle<eidos_chat>;

    static Owner opened(const ChatOptions &options)
    {
        const auto c_options = detail::to_c(options);
        return detail::create<Owner>(eidos_chat_new, &c_options);
    }

    static Owner opened(ChatModel model, const ChatOptions &options)
    {
        const auto c_options = detail::to_c(options);
        auto owned = std::make_unique<ChatModel>(std::move(model));
        const auto callback = *owned ? &detail::ask : nullptr;
        detail::Outputs<eidos_chat> out(1);
        detail::check_abi(); // from here on nothing throws before the library owns the function
        detail::call(eidos_chat_from_callback, callback, owned.release(), &detail::destroy, &c_options, out.data());
        return Owner(out.take(0));
    }
};

} // namespace eidos

#endif
