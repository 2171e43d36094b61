/// String arguments: anything that converts to a string, and any list of such.
#ifndef EIDOS_STRINGS_HPP
#define EIDOS_STRINGS_HPP

#include "error.hpp"

#include <cstddef>
#include <filesystem>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace eidos {
namespace detail {

/// Throws for a string that contains a NUL, where C would end it.
inline void check_string(std::string_view string)
{
    if (const std::size_t at = string.find('\0'); at != std::string_view::npos)
        throw Error(Status::invalid_argument, "a string has a NUL inside, at byte " + std::to_string(at),
                    "remove it, or replace it with a space");
}

/// A string of an options struct; NULL for an empty one.
inline const char *c_str_or_null(const std::string &string EIDOS_LIFETIMEBOUND)
{
    check_string(string);
    return string.empty() ? nullptr : string.c_str();
}

/// A string of an options struct that may be missing; NULL for none.
inline const char *c_str_or_null(const std::optional<std::string> &string EIDOS_LIFETIMEBOUND)
{
    if (!string)
        return nullptr;
    check_string(*string);
    return string->c_str();
}

} // namespace detail

/// One UTF-8 string as an argument: a `const char *`, std::string, std::string_view or std::filesystem::path. It refers
/// to its source when that ends in a NUL, so it must not outlive the call. A string that contains a NUL, where C would
/// end it, throws an Error.
class StringArg {
public:
    StringArg(const char *string EIDOS_LIFETIMEBOUND) noexcept : borrowed_(string) {}
    StringArg(const std::string &string EIDOS_LIFETIMEBOUND) : borrowed_(string.c_str()) { detail::check_string(string); }
    StringArg(std::string &&string) : owned_(std::move(string)), owns_(true) { detail::check_string(owned_); }
    StringArg(std::string_view string) : StringArg(std::string(string)) {}
    StringArg(const std::filesystem::path &path) : StringArg(utf8(path)) {}

    /// The string for C; NULL only for a `const char *` that was NULL.
    [[nodiscard]] const char *c_str() const noexcept EIDOS_LIFETIMEBOUND { return owns_ ? owned_.c_str() : borrowed_; }

private:
    static std::string utf8(const std::filesystem::path &path)
    {
        const auto bytes = path.u8string(); // of char in C++17, of char8_t later
        return {bytes.begin(), bytes.end()};
    }

    const char *borrowed_ = nullptr;
    std::string owned_;
    bool owns_ = false;
};

/// A module as an argument: its path (`model.layers.10.mlp`), as StringArg takes it, or the number of a block (`10` is the
/// eleventh).
class ModuleArg : public StringArg {
public:
    using StringArg::StringArg;

    template <class Number, std::enable_if_t<std::is_integral_v<Number> && !std::is_same_v<Number, bool>, int> = 0>
    ModuleArg(Number block) : StringArg(std::to_string(block))
    {
    }
};

namespace detail {

template <class T, class Arg, class = void> struct IsRangeOf : std::false_type {};
template <class T, class Arg>
struct IsRangeOf<T, Arg, std::void_t<decltype(std::begin(std::declval<T &>()), std::end(std::declval<T &>()))>>
    : std::is_convertible<decltype(*std::begin(std::declval<T &>())), Arg> {};

/// One that converts to `Arg`, or a range of them.
template <class T, class Arg> inline constexpr bool are_args = std::is_convertible_v<T, Arg> || IsRangeOf<T, Arg>::value;

} // namespace detail

/// A list of arguments that are strings for C: in braces, any range of them, or a single one. Like StringArg, it must not outlive
/// the call. See StringArgs and ModuleArgs.
template <class Arg> class ArgList {
public:
    /// An empty list.
    ArgList() = default;

    ArgList(std::initializer_list<Arg> strings) : ArgList(strings.begin(), strings.end()) {}

    template <class Strings, class = std::enable_if_t<!std::is_same_v<std::decay_t<Strings>, ArgList> &&
                                                      detail::are_args<Strings, Arg>>>
    ArgList(Strings &&strings EIDOS_LIFETIMEBOUND)
    {
        if constexpr (std::is_convertible_v<Strings, Arg>)
            strings_.emplace_back(std::forward<Strings>(strings));
        else
            for (auto &&string : strings)
                strings_.emplace_back(std::forward<decltype(string)>(string));
        point();
    }

    ArgList(const ArgList &) = delete;
    ArgList &operator=(const ArgList &) = delete;

    /// The strings for C; NULL when there are none.
    [[nodiscard]] const char *const *data() const noexcept EIDOS_LIFETIMEBOUND
    {
        return pointers_.empty() ? nullptr : pointers_.data();
    }
    [[nodiscard]] std::size_t size() const noexcept { return pointers_.size(); }

private:
    template <class Iterator> ArgList(Iterator first, Iterator last) : strings_(first, last) { point(); }

    void point()
    {
        pointers_.reserve(strings_.size());
        for (const Arg &string : strings_)
            pointers_.push_back(string.c_str());
    }

    std::vector<Arg> strings_;
    std::vector<const char *> pointers_;
};

/// A list of strings as an argument: `{"a", "b"}`, any range of strings, or a single one.
using StringArgs = ArgList<StringArg>;

/// A list of modules as an argument: `{"model.layers.2.mlp", 3}`, any range of paths or of numbers, or a single one.
using ModuleArgs = ArgList<ModuleArg>;

} // namespace eidos

#endif
