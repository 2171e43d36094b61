/// A range as a source of texts that come one after the other.
#ifndef EIDOS_DETAIL_TEXT_SOURCE_HPP
#define EIDOS_DETAIL_TEXT_SOURCE_HPP

#include "../inputs.hpp"

#include <eidos.h>

#include <cstddef>
#include <exception>
#include <iterator>
#include <string>
#include <utility>

namespace eidos::detail {

/// Gives the texts of an input range one by one. What the range throws must not pass through the library, which is not C++: it
/// is kept here.
template <class Range> class TextSource {
public:
    explicit TextSource(Range &range) : iterator_(std::begin(range)), end_(std::end(range)) {}

    /// An eidos_text_callback, whose data are a TextSource.
    static eidos_status next(const char **text, std::size_t *length, void *source) noexcept
    {
        return static_cast<TextSource *>(source)->give(text, length);
    }

    /// Throws what the range threw, if it did.
    void rethrow() const
    {
        if (thrown_)
            std::rethrow_exception(thrown_);
    }

private:
    eidos_status give(const char **text, std::size_t *length) noexcept
    {
        try {
            if (begun_)
                ++iterator_;
            begun_ = true;
            if (iterator_ == end_)
                return EIDOS_OK;
            text_ = TextArg(*iterator_).view();
            *text = text_.c_str();
            *length = text_.size();
            return EIDOS_OK;
        } catch (...) {
            thrown_ = std::current_exception();
            return EIDOS_IO;
        }
    }

    decltype(std::begin(std::declval<Range &>())) iterator_;
    decltype(std::end(std::declval<Range &>())) end_;
    bool begun_ = false;
    std::string text_;
    std::exception_ptr thrown_;
};

} // namespace eidos::detail

#endif
