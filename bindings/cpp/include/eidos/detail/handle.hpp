/// Handles of the C library and their owners.
#ifndef EIDOS_DETAIL_HANDLE_HPP
#define EIDOS_DETAIL_HANDLE_HPP

#include "../error.hpp"

#include <eidos.h>

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace eidos::detail {

/// Frees a handle with the function of its type.
struct Free {
    void operator()(eidos_error *handle) const noexcept { eidos_error_free(handle); }
    void operator()(eidos_control *handle) const noexcept { eidos_control_free(handle); }
    void operator()(eidos_devices *handle) const noexcept { eidos_devices_free(handle); }
    void operator()(eidos_texts *handle) const noexcept { eidos_texts_free(handle); }
    void operator()(eidos_inputs *handle) const noexcept { eidos_inputs_free(handle); }
    void operator()(eidos_interventions *handle) const noexcept { eidos_interventions_free(handle); }
    void operator()(eidos_split_model *handle) const noexcept { eidos_split_model_free(handle); }
    void operator()(eidos_activations *handle) const noexcept { eidos_activations_free(handle); }
    void operator()(eidos_explainer *handle) const noexcept { eidos_explainer_free(handle); }
    void operator()(eidos_chat *handle) const noexcept { eidos_chat_free(handle); }
    void operator()(eidos_interpretation *handle) const noexcept { eidos_interpretation_free(handle); }
    void operator()(eidos_explanation *handle) const noexcept { eidos_explanation_free(handle); }
};

/// An object of this binding: the owner of one handle of the C library.
template <class T> class Handle {
public:
    /// The type of the handle in eidos.h.
    using handle_type = T;

    /// Takes over a handle that a call of eidos.h returned.
    explicit Handle(T *handle) noexcept : handle_(handle) {}

    /// The handle, for calls of eidos.h; this object still owns it. Throws an Error when the object was moved from.
    [[nodiscard]] T *handle() const EIDOS_LIFETIMEBOUND
    {
        if (!handle_)
            throw Error(Status::invalid_handle, "the object was moved from", "use the object that it was moved to");
        return handle_.get();
    }

    /// Passes the ownership of the handle to the caller. NULL when the object was moved from.
    [[nodiscard]] T *release() noexcept { return handle_.release(); }

protected:
    /// The handle, or NULL when the object was moved from.
    [[nodiscard]] T *get() const noexcept { return handle_.get(); }

private:
    std::unique_ptr<T, Free> handle_;
};

/// Room for the handles that a call returns; frees those that were not taken out.
template <class T> class Outputs {
public:
    explicit Outputs(std::size_t count) : handles_(count, nullptr) {}
    Outputs(const Outputs &) = delete;
    Outputs &operator=(const Outputs &) = delete;
    ~Outputs()
    {
        for (T *handle : handles_)
            Free()(handle);
    }

    [[nodiscard]] T **data() noexcept { return handles_.data(); }
    [[nodiscard]] std::size_t size() const noexcept { return handles_.size(); }
    [[nodiscard]] T *take(std::size_t index) noexcept { return std::exchange(handles_[index], nullptr); }

private:
    std::vector<T *> handles_;
};

} // namespace eidos::detail

#endif
