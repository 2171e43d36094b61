/// Options that point to arrays of strings.
#ifndef EIDOS_DETAIL_WITH_STRINGS_HPP
#define EIDOS_DETAIL_WITH_STRINGS_HPP

#include "../strings.hpp"

#include <string>
#include <vector>

namespace eidos::detail {

/// Options for eidos.h, with the arrays of pointers that they refer to. It moves and does not copy.
template <class Options> class WithStrings : public Options {
public:
    explicit WithStrings(const Options &options) : Options(options) {}
    WithStrings(const WithStrings &) = delete;
    WithStrings(WithStrings &&) = default;
    WithStrings &operator=(const WithStrings &) = delete;
    WithStrings &operator=(WithStrings &&) = delete;
    ~WithStrings() = default;

    /// The strings as an array, which lives as long as this object; NULL for none.
    const char *const *pointers_to(const std::vector<std::string> &strings)
    {
        std::vector<const char *> &pointers = arrays_.emplace_back();
        for (const std::string &string : strings) {
            check_string(string);
            pointers.push_back(string.c_str());
        }
        return pointers.empty() ? nullptr : pointers.data();
    }

private:
    std::vector<std::vector<const char *>> arrays_;
};

} // namespace eidos::detail

#endif
