/// Why a call failed.
#ifndef EIDOS_ERROR_HPP
#define EIDOS_ERROR_HPP

#include "detail/language.hpp"

#include <eidos.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eidos {

/// Whose fault a failure is.
enum class Status : std::int32_t {
    /// The call succeeded; an Error never has this status.
    ok = EIDOS_OK,
    /// The caller passed a value that cannot be right. Fix the call.
    invalid_argument = EIDOS_INVALID_ARGUMENT,
    /// The object was moved from. Fix the call.
    invalid_handle = EIDOS_INVALID_HANDLE,
    /// A file, folder, repository or revision does not exist. Fix the name or create it.
    not_found = EIDOS_NOT_FOUND,
    /// The model has no module of that path, or that module cannot be a split point. Choose another path.
    unknown_module = EIDOS_UNKNOWN_MODULE,
    /// A file is truncated, damaged or hostile. Get it again.
    invalid_file = EIDOS_INVALID_FILE,
    /// The file is fine but asks for something that this version does not build. Use another model or version.
    unsupported = EIDOS_UNSUPPORTED,
    /// The numbers are unusable (NaN, infinite, constant). Look at the data.
    invalid_data = EIDOS_INVALID_DATA,
    /// Two things do not belong together, such as an explainer of another width. Use the matching one.
    mismatch = EIDOS_MISMATCH,
    /// The operating system refused: disk full, no permission. Fix the machine and call again.
    io = EIDOS_IO,
    /// The network or the server failed. Call again; what was downloaded is kept.
    network = EIDOS_NETWORK,
    /// The server refused the credentials. Set a token that has access.
    access_denied = EIDOS_ACCESS_DENIED,
    /// The caller cancelled. What was complete is kept.
    cancelled = EIDOS_CANCELLED,
    /// A memory limit would be exceeded. Raise the limit, or let rows go to disk.
    out_of_memory = EIDOS_OUT_OF_MEMORY,
    /// The device that was asked for is missing or failed. Use another one.
    device = EIDOS_DEVICE,
    /// A defect in Eidos. Please report it.
    internal = EIDOS_INTERNAL,
    /// A language model gave no answer that can be used (empty, refused, cut). Try again, or use another model.
    unusable_answer = EIDOS_UNUSABLE_ANSWER,
    /// The next request to a language model could exceed the budget, or the account is empty. Raise it and call again.
    budget_exhausted = EIDOS_BUDGET_EXHAUSTED,
    /// Another call, of this process or of another one, is writing there. Wait for it, or choose another place.
    busy = EIDOS_BUSY,
};

/// A status as a word (`invalid_argument`).
inline std::string_view name(Status status) { return eidos_status_name(static_cast<eidos_status>(status)); }

/// Why a call failed, and what to do about it.
class Error : public std::exception {
public:
    /// A fact about the failure: `path`, `row`.
    struct Detail {
        std::string key;
        std::string value;
    };

    Error(Status status, std::string message, std::string hint = {}, std::vector<Detail> details = {})
        : facts_(std::make_shared<const Facts>(status, std::move(message), std::move(hint), std::move(details)))
    {
    }

    /// Whose fault it is.
    [[nodiscard]] Status status() const noexcept { return facts_->status; }

    /// What is wrong, naming the thing.
    [[nodiscard]] const std::string &message() const noexcept EIDOS_LIFETIMEBOUND { return facts_->message; }

    /// What to do about it; empty when there is nothing to say.
    [[nodiscard]] const std::string &hint() const noexcept EIDOS_LIFETIMEBOUND { return facts_->hint; }

    /// The facts.
    [[nodiscard]] const std::vector<Detail> &details() const noexcept EIDOS_LIFETIMEBOUND { return facts_->details; }

    /// The fact of that key; nothing where the error has none.
    [[nodiscard]] std::optional<std::string> detail(std::string_view key) const
    {
        for (const Detail &detail : details())
            if (detail.key == key)
                return detail.value;
        return std::nullopt;
    }

    /// The message, and the hint in brackets.
    [[nodiscard]] const char *what() const noexcept override { return facts_->what.c_str(); }

private:
    struct Facts {
        Facts(Status status_, std::string message_, std::string hint_, std::vector<Detail> details_)
            : status(status_), message(std::move(message_)), hint(std::move(hint_)), details(std::move(details_)),
              what(hint.empty() ? message : message + " (" + hint + ")")
        {
        }

        Status status;
        std::string message, hint;
        std::vector<Detail> details;
        std::string what;
    };

    // Shared, because copying an exception must not throw.
    std::shared_ptr<const Facts> facts_;
};

/// The caller cancelled the call; see Control.
class Cancelled : public Error {
public:
    using Error::Error;
};

namespace detail {

/// Throws when there is no `what` (`row`) of that index.
inline void check_index(std::size_t index, std::size_t count, const char *what)
{
    if (index >= count)
        throw Error(Status::invalid_argument,
                    std::string("there is no ") + what + " " + std::to_string(index) + ": there are " + std::to_string(count),
                    "count from 0, and stay below their number");
}

} // namespace detail
} // namespace eidos

#endif
