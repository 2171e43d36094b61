/// Calls of the C library, with errors as exceptions and strings as std::string.
#ifndef EIDOS_DETAIL_CALL_HPP
#define EIDOS_DETAIL_CALL_HPP

#include "../error.hpp"
#include "handle.hpp"

#include <eidos.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace eidos::detail {

/// The string that a function of eidos.h returns; its last argument receives the length. Nothing for NULL.
template <class... Parameters, class... Arguments>
std::optional<std::string> optional_text(const char *(*function)(Parameters...), Arguments... arguments)
{
    std::size_t length = 0;
    const char *string = function(arguments..., &length);
    return string ? std::optional<std::string>(std::in_place, string, length) : std::nullopt;
}

/// As optional_text, but empty for NULL.
template <class... Parameters, class... Arguments>
std::string text(const char *(*function)(Parameters...), Arguments... arguments)
{
    return optional_text(function, arguments...).value_or(std::string());
}

/// Throws the failure of a call.
[[noreturn]] inline void fail(eidos_status status, const eidos_error *error)
{
    std::vector<Error::Detail> details;
    for (std::size_t index = 0; index < eidos_error_detail_count(error); index++)
        details.push_back({text(eidos_error_detail_key, error, index), text(eidos_error_detail_value, error, index)});
    const auto code = static_cast<Status>(error ? eidos_error_status(error) : status);
    std::string message = optional_text(eidos_error_message, error).value_or(eidos_status_name(status));
    std::string hint = text(eidos_error_hint, error);
    if (code == Status::cancelled)
        throw Cancelled(code, std::move(message), std::move(hint), std::move(details));
    throw Error(code, std::move(message), std::move(hint), std::move(details));
}

/// Throws when the loaded library is not the one for which the program was compiled.
inline void check_abi()
{
    if (eidos_abi_version() == EIDOS_ABI_VERSION)
        return;
    throw Error(Status::unsupported,
                "the program was compiled for version " + std::to_string(EIDOS_ABI_VERSION) +
                    " of Eidos' binary interface, but the library that was loaded (" + eidos_version() + ") has version " +
                    std::to_string(eidos_abi_version()),
                "compile the program again with the headers of that library, or load the library of its own headers");
}

/// Calls a function of eidos.h whose last parameter is the error, and throws that error. `after` runs before that, and
/// may throw another exception.
template <class After, class... Parameters, class... Arguments>
void call_then(const After &after, eidos_status (*function)(Parameters...), Arguments... arguments)
{
    check_abi();
    eidos_error *raw = nullptr;
    const eidos_status status = function(arguments..., &raw);
    const std::unique_ptr<eidos_error, Free> error(raw);
    after();
    if (status != EIDOS_OK)
        fail(status, error.get());
}

/// Calls a function of eidos.h whose last parameter is the error, and throws that error.
template <class... Parameters, class... Arguments>
void call(eidos_status (*function)(Parameters...), Arguments... arguments)
{
    call_then([] {}, function, arguments...);
}

/// Calls a function of eidos.h whose last parameters are an output and the error; the output becomes an `Object`.
template <class Object, class... Parameters, class... Arguments>
Object create(eidos_status (*function)(Parameters...), Arguments... arguments)
{
    Outputs<typename Object::handle_type> out(1);
    call(function, arguments..., out.data());
    return Object(out.take(0));
}

/// Options with the library's defaults, from their init function.
template <class Options> Options defaults(eidos_status (*init)(Options *, std::size_t))
{
    Options options;
    if (const eidos_status status = init(&options, sizeof options))
        fail(status, nullptr);
    return options;
}

} // namespace eidos::detail

#endif
