/// Activations: one row per unit of text, with what each row stands for.
#ifndef EIDOS_ACTIVATIONS_HPP
#define EIDOS_ACTIVATIONS_HPP

#include "control.hpp"
#include "detail/call.hpp"
#include "detail/handle.hpp"
#include "enumerations.hpp"
#include "error.hpp"
#include "matrix.hpp"
#include "options.hpp"
#include "strings.hpp"

#include <eidos.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace eidos {

/// Where a unit stands: the index of its text, and its first byte and one past its last byte in that text's UTF-8.
struct UnitSpan {
    std::size_t text_index = 0;
    std::size_t begin = 0;
    std::size_t end = 0;
};

/// Adds values across processes, in place and with the same bits in each of them, as MPI_Allreduce does; or throws. It runs on
/// the thread that fits.
using Reduce = std::function<void(Span<double>)>;

namespace detail {

/// Runs the Reduce behind `sum`. What it throws must not pass through the library, which is not C++. An eidos_reduce_callback.
inline eidos_status reduce(double *values, std::size_t count, void *sum) noexcept
{
    try {
        (*static_cast<const Reduce *>(sum))(Span<double>(values, count));
        return EIDOS_OK;
    } catch (const Error &error) {
        return static_cast<eidos_status>(error.status());
    } catch (...) {
        return EIDOS_IO;
    }
}

/// Frees the Reduce behind `sum`. An eidos_destroy_callback.
inline void destroy_reduce(void *sum) noexcept { delete static_cast<Reduce *>(sum); }

/// The enumerator of a number; nothing for 0.
template <class Enumeration> std::optional<Enumeration> enumerator_of(std::uint32_t number)
{
    return number ? std::optional(static_cast<Enumeration>(number)) : std::nullopt;
}

} // namespace detail

/// A matrix of activations, one row per unit of text, with what each row stands for. It never changes: any number of threads
/// may read it at the same time.
class Activations : public detail::Handle<eidos_activations> {
public:
    using Handle::Handle;

    /// One more owner of the same activations: nothing is copied, and views live as long as one of the owners.
    [[nodiscard]] Activations share() const { return detail::create<Activations>(eidos_activations_retain, handle()); }

    /// Activations from a matrix of your own, which is copied. `unit_texts` names each row; without, rows have numbers.
    [[nodiscard]] static Activations from_rows(MatrixView rows, const StringArgs &unit_texts = {})
    {
        return detail::create<Activations>(eidos_activations_from_rows, rows.data(), rows.row_count(), rows.column_count(),
                                           unit_texts.data(), unit_texts.size());
    }

    /// Opens a folder that save(), or a collection into a folder, wrote. Rows are memory-mapped: a program that cuts one of
    /// the files while they are in use ends the process.
    [[nodiscard]] static Activations open(const StringArg &folder)
    {
        return detail::create<Activations>(eidos_activations_open, folder.c_str());
    }

    /// Opens a folder as open() does, with the rows read into memory (4 bytes a value) instead of mapped: what happens to the
    /// files afterwards does not matter, and all rows are one view.
    [[nodiscard]] static Activations open_copy(const StringArg &folder)
    {
        return detail::create<Activations>(eidos_activations_open_copy, folder.c_str());
    }

    /// The same rows, without a copy, as the share that this process has of rows that are spread over several. Every process
    /// makes the same fit of its own share, and all of them end with the same concepts, or with an Error each. What `sum`
    /// throws ends the fit with the status of that Error, or with io.
    [[nodiscard]] Activations spread(Reduce sum) const
    {
        const eidos_reduce_callback callback = sum ? &detail::reduce : nullptr;
        auto owned = std::make_unique<Reduce>(std::move(sum));
        // The library owns it from here on, also where the call fails.
        return detail::create<Activations>(eidos_activations_spread, handle(), callback,
                                           static_cast<void *>(owned.release()), &detail::destroy_reduce);
    }

    /// Writes the activations to a folder, which is made where missing. While another call writes into it, the Error is busy.
    void save(const StringArg &folder, const Control &control = {}) const
    {
        control.call(eidos_activations_save, handle(), folder.c_str(), control.handle());
    }

    /// How many rows there are: one per unit.
    [[nodiscard]] std::size_t row_count() const { return eidos_activations_row_count(handle()); }

    /// How many columns there are: the width of the module's output.
    [[nodiscard]] std::size_t column_count() const { return eidos_activations_column_count(handle()); }

    /// How many texts were longer than the model can read and lost their end.
    [[nodiscard]] std::size_t truncated_count() const { return eidos_activations_truncated_count(handle()); }

    /// How many units have no row, for whatever reason.
    [[nodiscard]] std::size_t left_out_count() const { return eidos_activations_left_out_count(handle()); }

    /// How many units have no row for one reason.
    [[nodiscard]] std::size_t left_out_count(Filter reason) const
    {
        return eidos_activations_left_out_by(handle(), static_cast<std::uint32_t>(reason));
    }

    /// The filters that left units without a row, as a JSON object (`{"stop_punctuation":true,"max_norm_multiple":10.0}`).
    [[nodiscard]] std::string filters() const { return detail::text(eidos_activations_filters, handle()); }

    /// The same activations without the rows whose norm is more than `max_multiple` times the median of all rows' norms, such as 10.
    /// Some models give one token in hundreds a row of a thousand times the length of others; a fit finds such rows instead of
    /// concepts. Rows on disk are not copied. Of rows that are spread over processes it is the median of all of them, and each
    /// process must make this call.
    [[nodiscard]] Activations without_high_norms(double max_multiple, const Control &control = {}) const
    {
        return control.create<Activations>(eidos_activations_without_high_norms, handle(), max_multiple);
    }

    /// How many texts the activations were collected from; 0 for rows of your own.
    [[nodiscard]] std::size_t text_count() const { return eidos_activations_text_count(handle()); }

    /// Whether the rows are memory-mapped from shards on disk.
    [[nodiscard]] bool is_on_disk() const { return eidos_activations_is_on_disk(handle()) != 0; }

    /// Whether the rows are in the memory of a device (`keep_on_device`). The first view of them copies all rows to the host.
    [[nodiscard]] bool is_on_device() const { return eidos_activations_is_on_device(handle()) != 0; }

    /// What one row stands for; nothing for rows of your own.
    [[nodiscard]] std::optional<Granularity> granularity() const
    {
        return detail::enumerator_of<Granularity>(eidos_activations_granularity(handle()));
    }

    /// Where a word ended, tokenizer or unicode; nothing where rows do not stand for words.
    [[nodiscard]] std::optional<WordRule> word_rule() const
    {
        return detail::enumerator_of<WordRule>(eidos_activations_word_rule(handle()));
    }

    /// How the tokens of a unit became one row; nothing for rows of your own.
    [[nodiscard]] std::optional<Aggregation> aggregation() const
    {
        return detail::enumerator_of<Aggregation>(eidos_activations_aggregation(handle()));
    }

    /// The id or folder of the model; empty for rows of your own.
    [[nodiscard]] std::string model() const { return detail::text(eidos_activations_model, handle()); }

    /// The module path of the split point; empty for rows of your own.
    [[nodiscard]] std::string split_point() const { return detail::text(eidos_activations_split_point, handle()); }

    /// All rows, without a copy: a view that ends with the activations. Throws an Error where they lie in several shards on
    /// disk, which run() gives one after the other.
    [[nodiscard]] MatrixView rows() const & EIDOS_LIFETIMEBOUND { return rows(0, row_count()); }
    MatrixView rows() const && = delete;

    /// `count` rows from row `first`, without a copy, as rows().
    [[nodiscard]] MatrixView rows(std::size_t first, std::size_t count) const & EIDOS_LIFETIMEBOUND
    {
        const float *values = nullptr;
        detail::call(eidos_activations_rows, handle(), first, count, &values);
        return {values, count, column_count()};
    }
    MatrixView rows(std::size_t, std::size_t) const && = delete;

    /// The rows from row `first` on that lie in one piece of memory, at least one, without a copy: a view that ends with the
    /// activations. In memory these are all rows from `first` on; on disk, those up to the end of a shard.
    [[nodiscard]] MatrixView run(std::size_t first) const & EIDOS_LIFETIMEBOUND
    {
        const float *values = nullptr;
        std::size_t count = 0;
        detail::call(eidos_activations_run, handle(), first, &values, &count);
        return {values, count, column_count()};
    }
    MatrixView run(std::size_t) const && = delete;

    /// A copy of all rows, wherever they lie.
    [[nodiscard]] Matrix copy_rows() const { return copy_rows(0, row_count()); }

    /// A copy of `count` rows from row `first`, wherever they lie.
    [[nodiscard]] Matrix copy_rows(std::size_t first, std::size_t count) const
    {
        Matrix result(count, column_count());
        copy_rows_into(first, count, result.values());
        return result;
    }

    /// Copies `count` rows from row `first` to `out`, which has room for `count * column_count()` values.
    void copy_rows_into(std::size_t first, std::size_t count, Span<float> out) const
    {
        detail::call(eidos_activations_copy_rows, handle(), first, count, out.data(), out.size());
    }

    /// The text of a row's unit (`" film"`); nothing for rows without unit texts. Throws an Error beyond the last row.
    [[nodiscard]] std::optional<std::string> unit(std::size_t row) const
    {
        detail::check_index(row, row_count(), "row");
        return detail::optional_text(eidos_activations_unit, handle(), row);
    }

    /// Where a row's unit stands in the texts. Throws an Error beyond the last row, and for rows of your own.
    [[nodiscard]] UnitSpan unit_span(std::size_t row) const
    {
        UnitSpan span;
        detail::call(eidos_activations_unit_span, handle(), row, &span.text_index, &span.begin, &span.end);
        return span;
    }

    /// A text that the activations were collected from. Throws an Error beyond the last.
    [[nodiscard]] std::string text(std::size_t index) const
    {
        detail::check_index(index, text_count(), "text");
        return detail::text(eidos_activations_text, handle(), index);
    }
};

} // namespace eidos

#endif
