/// Language models that are asked for labels.
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

/// What was spent with a Chat, by all calls together, and what is left of its budget.
struct ChatSpending {
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
    /// How many requests may still be sent; UINT64_MAX where there is no limit.
    std::uint64_t requests_left = UINT64_MAX;
    /// How many tokens may still be spent; UINT64_MAX where there is no limit. What the requests on their way may need at most is
    /// not left.
    std::uint64_t tokens_left = UINT64_MAX;
};

/// A language model that is asked for labels: one behind an OpenAI-compatible server, or a function of yours.
///
///     eidos::Chat chat({.model = "gpt-4.1-mini", .cache_folder = "labels-cache"});
///     eidos::Chat mine([](const eidos::ChatRequest &request) { return generate(request.user_prompt); });
///
/// The budget and what was spent of it, the connections and the cache of answers live as long as the object, from one call to the
/// next. Any number of threads may ask with it at the same time; they share the budget.
class Chat : public detail::Handle<eidos_chat> {
public:
    /// A model behind a server. Nothing is sent yet. Throws an Error for options that cannot be right.
    explicit Chat(const ChatOptions &options) : Chat(opened(options).release()) {}

    /// A function, with the cache, the budgets and the longest answer of the options; what they say of servers is not used. The
    /// function and what it holds live as long as this object and those that share() made of it, and the calls that use them.
    explicit Chat(ChatModel model, const ChatOptions &options = {}) : Chat(opened(std::move(model), options).release()) {}

    /// Takes over a handle of eidos.h.
    using Handle::Handle;

    /// One more owner of the same model, with the same budget.
    [[nodiscard]] Chat share() const { return detail::create<Chat>(eidos_chat_retain, handle()); }

    /// What was spent since the object was made, and what is left. It does not wait for calls that are asking.
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
