/// Errors of calls, as exceptions.
#ifndef EIDOS_ERROR_HPP
#define EIDOS_ERROR_HPP

#include "detail/language.hpp"
#include "enumerations.hpp"

#include <eidos.h>

#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eidos {

/// A status as a word (`invalid_argument`).
inline std::string_view name(Status status) { return eidos_status_name(static_cast<eidos_status>(status)); }

/// An error of a call: what is wrong, and what to do about it.
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

    /// The kind of the error.
    [[nodiscard]] Status status() const noexcept { return facts_->status; }

    /// What is wrong, and with what.
    [[nodiscard]] const std::string &message() const noexcept EIDOS_LIFETIMEBOUND { return facts_->message; }

    /// What to do about it; empty when there is nothing to say.
    [[nodiscard]] const std::string &hint() const noexcept EIDOS_LIFETIMEBOUND { return facts_->hint; }

    /// The facts, as keys and values.
    [[nodiscard]] const std::vector<Detail> &details() const noexcept EIDOS_LIFETIMEBOUND { return facts_->details; }

    /// The value of a fact; nothing if the error does not have it.
    [[nodiscard]] std::optional<std::string> detail(std::string_view key) const
    {
        for (const Detail &detail : details())
            if (detail.key == key)
                return detail.value;
        return std::nullopt;
    }

    /// The message, followed by the hint in brackets.
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
