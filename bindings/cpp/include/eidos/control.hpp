/// Progress, messages and cancellation of long calls.
#ifndef EIDOS_CONTROL_HPP
#define EIDOS_CONTROL_HPP

#include "detail/call.hpp"
#include "detail/handle.hpp"
#include "enumerations.hpp"
#include "error.hpp"

#include <eidos.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eidos {

/// The name of a stage for a progress bar (`forward`).
inline std::string_view name(Stage stage) { return eidos_stage_name(static_cast<std::uint32_t>(stage)); }

/// The progress of a long call.
struct Progress {
    Stage stage = Stage::idle;
    /// How many steps of the stage are done, in its unit.
    std::uint64_t done = 0;
    /// How many steps the stage has, in the same unit; 0 when unknown.
    std::uint64_t total = 0;
    /// Seconds since the Control was made.
    double elapsed_seconds = 0;
};

/// A message about a long call.
struct LogMessage {
    LogLevel level = LogLevel::info;
    /// The part of the library that it comes from: `hub`, `model`, `chat`.
    std::string target;
    /// The text of the message, in one line.
    std::string text;
    /// Seconds from the creation of the Control to the message.
    double elapsed_seconds = 0;
};

class Control;

namespace detail {

inline Progress from_c(const eidos_progress &progress)
{
    return {static_cast<Stage>(progress.stage), progress.done, progress.total, progress.elapsed_seconds};
}

inline LogMessage from_c(const eidos_log_message &message)
{
    return {static_cast<LogLevel>(message.level), {message.target, message.target_len}, {message.message, message.message_len},
            message.elapsed_seconds};
}

/// The callbacks of a control, and the exception that one of them threw: exceptions must not pass through the library,
/// which is not C++.
class Watcher {
public:
    explicit Watcher(const eidos_control *control) : control_(control) {}

    std::function<void(const Progress &)> on_progress;
    std::function<void(const LogMessage &)> on_message;

    /// Reports progress to the Watcher behind `watcher`. An eidos_progress_callback.
    static void report(const eidos_progress *progress, void *watcher) noexcept
    {
        auto &self = *static_cast<Watcher *>(watcher);
        self.run([&] { self.on_progress(from_c(*progress)); });
    }

    /// Passes a message to the Watcher behind `watcher`. An eidos_log_callback.
    static void tell(const eidos_log_message *message, void *watcher) noexcept
    {
        auto &self = *static_cast<Watcher *>(watcher);
        self.run([&] { self.on_message(from_c(*message)); });
    }

    /// Throws the exception of a callback, once.
    void rethrow()
    {
        std::unique_lock lock(mutex_);
        if (const std::exception_ptr thrown = std::exchange(thrown_, nullptr)) {
            lock.unlock();
            std::rethrow_exception(thrown);
        }
    }

private:
    /// Runs a callback; cancels the call when it throws.
    template <class Callback> void run(const Callback &callback) noexcept
    {
        try {
            callback();
        } catch (...) {
            eidos_control_cancel(control_);
            const std::lock_guard lock(mutex_);
            if (!thrown_)
                thrown_ = std::current_exception();
        }
    }

    const eidos_control *control_;
    std::mutex mutex_;
    std::exception_ptr thrown_;
};

} // namespace detail

/// Watches and cancels long calls, from any thread. It may be used for several calls, one after the other.
///
///     eidos::Control control([](const eidos::Progress &progress) { std::cerr << name(progress.stage) << '\n'; });
///     auto activations = model.activations(texts, {}, control);
///
/// With C++20, a std::stop_token cancels through `std::stop_callback stop(token, [&] { control.cancel(); });`.
class Control : public detail::Handle<eidos_control> {
public:
    /// Makes a control that is not cancelled.
    Control() : Control(detail::create<detail::Handle<eidos_control>>(eidos_control_new).release()) {}

    /// Makes a control that calls `callback` after each step, on the thread that makes the long call. The callback may
    /// cancel this control; it must not start another call with it. When it throws, the call is cancelled and throws
    /// the same exception.
    explicit Control(std::function<void(const Progress &)> callback) : Control()
    {
        if (!callback)
            return;
        watcher().on_progress = std::move(callback);
        detail::call(eidos_control_set_callback, handle(), &detail::Watcher::report, watcher_.get());
    }

    /// Takes over a handle of eidos.h.
    using Handle::Handle;

    /// Asks the calls that use this control to stop: they throw Cancelled within one batch or iteration. A cancelled
    /// control stays cancelled.
    void cancel() const noexcept { eidos_control_cancel(get()); }

    /// Whether cancel() was called.
    [[nodiscard]] bool is_cancelled() const { return eidos_control_is_cancelled(handle()) != 0; }

    /// Sets a callback for the messages of the calls with this control, those of `level` and the more important ones.
    /// It runs on the thread that makes the long call, for one message at a time. An empty function removes it. Set it
    /// while no call uses the control; it must not start another call with it. When it throws, the call is cancelled
    /// and throws the same exception.
    ///
    ///     control.set_log(eidos::LogLevel::info, [](const eidos::LogMessage &message) { std::clog << message.text << '\n'; });
    void set_log(LogLevel level, std::function<void(const LogMessage &)> callback)
    {
        const eidos_log_callback tell = callback ? &detail::Watcher::tell : nullptr;
        detail::call(eidos_control_set_log_callback, handle(), static_cast<std::uint32_t>(level), tell, &watcher());
        watcher().on_message = std::move(callback);
    }

    /// Stores the messages of the calls with this control from now on, those of `level` and the more important ones,
    /// for programs that poll instead of using a callback. The first 10,000 are stored as long as the control lives.
    void keep_log(LogLevel level)
    {
        detail::call(eidos_control_keep_log, handle(), static_cast<std::uint32_t>(level));
    }

    /// The stored messages from the one with the number `first` on; from any thread, also while a call uses the
    /// control.
    [[nodiscard]] std::vector<LogMessage> kept_log(std::size_t first = 0) const
    {
        std::vector<LogMessage> result;
        for (std::size_t index = first; index < eidos_control_log_count(handle()); index++) {
            eidos_log_message message;
            detail::call(eidos_control_log, handle(), index, &message, sizeof message);
            result.push_back(detail::from_c(message));
        }
        return result;
    }

    /// The progress of the call, without waiting for it.
    [[nodiscard]] Progress progress() const
    {
        eidos_progress progress;
        detail::call(eidos_control_progress, handle(), &progress, sizeof progress);
        return detail::from_c(progress);
    }

    /// Calls a function of eidos.h that uses this control, and throws its error, or what a callback threw.
    template <class... Parameters, class... Arguments>
    void call(eidos_status (*function)(Parameters...), Arguments... arguments) const
    {
        const auto rethrow = [this] {
            if (watcher_)
                watcher_->rethrow();
        };
        detail::call_then(rethrow, function, arguments...);
    }

    /// Calls a function of eidos.h whose last parameters are this control, an output and the error; the output becomes an
    /// `Object`.
    template <class Object, class... Parameters, class... Arguments>
    [[nodiscard]] Object create(eidos_status (*function)(Parameters...), Arguments... arguments) const
    {
        detail::Outputs<typename Object::handle_type> out(1);
        call(function, arguments..., handle(), out.data());
        return Object(out.take(0));
    }

private:
    detail::Watcher &watcher()
    {
        if (!watcher_)
            watcher_ = std::make_unique<detail::Watcher>(handle());
        return *watcher_;
    }

    std::unique_ptr<detail::Watcher> watcher_;
};

} // namespace eidos

#endif
