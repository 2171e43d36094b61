// Progress, cancellation, and callbacks that throw.
#include "demo.hpp"

#include <set>
#include <stdexcept>
#include <thread>

#if __cplusplus >= 202002L
#include <stop_token>
#endif

namespace {

using eidos::Control;
using eidos::Progress;
using eidos::Stage;

/// A control that cancels itself at a stage.
struct CancelAt {
    explicit CancelAt(Stage stage)
        : control([this, stage](const Progress &progress) {
              if (progress.stage == stage)
                  control.cancel();
          })
    {
    }
    Control control;
};

/// All long calls, one after the other.
eidos::Interpretation everything(const Control &control)
{
    const auto model = eidos::SplitModel::load("eidos:demo", split, {}, control);
    const auto activations = model.activations(texts, {}, control);
    eidos::IcaOptions options;
    options.concept_count = 4;
    const auto explainer = eidos::fit_ica(activations, options, control);
    return eidos::interpret_top_inputs(explainer, activations, {}, control);
}

TEST(Control, ReportsProgress)
{
    std::set<Stage> stages;
    const auto here = std::this_thread::get_id();
    const Control control([&](const Progress &progress) {
        stages.insert(progress.stage);
        EXPECT_TRUE(progress.total == 0 || progress.done <= progress.total);
        EXPECT_GE(progress.elapsed_seconds, 0);
        EXPECT_EQ(std::this_thread::get_id(), here);
    });
    EXPECT_EQ(control.progress().stage, Stage::idle);
    static_cast<void>(everything(control));
    for (const Stage stage : {Stage::tokenize, Stage::forward, Stage::covariance, Stage::fit, Stage::interpret})
        EXPECT_EQ(stages.count(stage), 1u) << name(stage);
    EXPECT_EQ(control.progress().stage, Stage::interpret);
    EXPECT_EQ(control.progress().done, control.progress().total);
    EXPECT_FALSE(control.is_cancelled());
}

TEST(Control, TellsMessagesOfALevel)
{
    std::vector<eidos::LogMessage> messages;
    const auto here = std::this_thread::get_id();
    Control control;
    control.set_log(eidos::LogLevel::info, [&](const eidos::LogMessage &message) {
        EXPECT_EQ(std::this_thread::get_id(), here);
        messages.push_back(message);
    });
    static_cast<void>(everything(control));
    ASSERT_FALSE(messages.empty());
    const eidos::LogMessage &loaded = messages.front();
    EXPECT_TRUE(loaded.level == eidos::LogLevel::info && loaded.target == "model" && loaded.elapsed_seconds >= 0);
    EXPECT_EQ(loaded.text.rfind("loaded eidos:demo", 0), 0u) << loaded.text;
    EXPECT_NE(loaded.text.find("safetensors"), std::string::npos) << loaded.text;

    messages.clear();
    control.set_log(eidos::LogLevel::warning, [&](const eidos::LogMessage &message) { messages.push_back(message); });
    static_cast<void>(eidos::SplitModel::load("eidos:demo", split, {}, control));
    EXPECT_TRUE(messages.empty()) << messages.front().text;
    control.set_log(eidos::LogLevel::debug, {});
    static_cast<void>(everything(control));
    EXPECT_TRUE(messages.empty());
}

TEST(Control, KeepsMessagesForThoseWhoLook)
{
    Control control;
    EXPECT_TRUE(control.kept_log().empty());
    control.keep_log(eidos::LogLevel::info);
    static_cast<void>(eidos::SplitModel::load("eidos:demo", split, {}, control));
    static_cast<void>(eidos::SplitModel::load("eidos:demo", split, {}, control));
    const auto messages = control.kept_log();
    ASSERT_EQ(messages.size(), 2u);
    EXPECT_TRUE(messages[1].level == eidos::LogLevel::info && messages[1].target == "model");
    EXPECT_EQ(messages[1].text.rfind("loaded eidos:demo", 0), 0u) << messages[1].text;
    EXPECT_LE(messages[0].elapsed_seconds, messages[1].elapsed_seconds);
    EXPECT_TRUE(control.kept_log(1).size() == 1 && control.kept_log(2).empty());
}

TEST(Control, WhatTheLogThrowsIsThrown)
{
    Control control;
    control.set_log(eidos::LogLevel::info, [](const eidos::LogMessage &) { throw std::domain_error("enough"); });
    EXPECT_THROW(static_cast<void>(everything(control)), std::domain_error);
    EXPECT_TRUE(control.is_cancelled());
}

TEST(Control, StagesHaveNames)
{
    EXPECT_EQ(name(Stage::forward), "forward");
    EXPECT_EQ(name(static_cast<Stage>(99)), "unknown");
}

TEST(Control, CancelsAtEveryStage)
{
    for (const Stage stage : {Stage::load, Stage::tokenize, Stage::forward, Stage::covariance, Stage::fit, Stage::interpret}) {
        const CancelAt at(stage);
        EXPECT_THROW(static_cast<void>(everything(at.control)), eidos::Cancelled) << name(stage);
        EXPECT_TRUE(at.control.is_cancelled());
        EXPECT_EQ(at.control.progress().stage, stage);
    }
}

TEST(Control, CancelsFromAnotherThread)
{
    const Control control;
    std::thread other([&] { control.cancel(); });
    other.join();
    EXPECT_STATUS(cancelled, everything(control));
}

TEST(Control, AnEmptyFunctionIsNoCallback)
{
    const Control control{std::function<void(const Progress &)>()};
    EXPECT_EQ(everything(control).concept_count(), 4u);
}

TEST(Control, IsWatchedWhereverItMoves)
{
    int calls = 0;
    Control first([&](const Progress &) { calls++; });
    const Control second = std::move(first);
    static_cast<void>(everything(second));
    EXPECT_GT(calls, 0);
}

TEST(Control, WhatACallbackThrowsArrivesAfterTheCall)
{
    static_cast<void>(demo());
    const std::size_t before = eidos::debug_live_handles();
    {
        const Control control([&](const Progress &progress) {
            if (progress.stage == Stage::forward)
                throw std::out_of_range("from the callback");
        });
        try {
            static_cast<void>(everything(control));
            FAIL() << "nothing was thrown";
        } catch (const std::out_of_range &error) {
            EXPECT_STREQ(error.what(), "from the callback");
        }
        EXPECT_TRUE(control.is_cancelled());
        EXPECT_STATUS(cancelled, demo().model.activations({"a text"}, {}, control)) << "what was thrown is thrown once";
    }
    EXPECT_EQ(eidos::debug_live_handles(), before);
}

TEST(Control, ACallbackThatThrowsAtItsLastStepLeavesNoHandle)
{
    // The call may be over when the exception is seen: its result must not leak.
    const auto rows = demo().activations.copy_rows(0, 20);
    const auto activations = eidos::Activations::from_rows(rows);
    const std::size_t before = eidos::debug_live_handles();
    for (const Stage stage : {Stage::covariance, Stage::fit}) {
        const Control control([&](const Progress &progress) {
            if (progress.stage == stage && (progress.done == progress.total || stage == Stage::fit))
                throw 42; // not even a std::exception
        });
        eidos::IcaOptions options;
        options.concept_count = 2;
        EXPECT_THROW(static_cast<void>(eidos::fit_ica(activations, options, control)), int);
    }
    EXPECT_EQ(eidos::debug_live_handles(), before);
}

TEST(Control, AResultThatNobodyTakesIsFreed)
{
    // As when a callback threw although the call succeeded.
    const std::size_t before = eidos::debug_live_handles();
    {
        eidos::detail::Outputs<eidos_control> out(2);
        eidos::detail::call(eidos_control_new, out.data());
        EXPECT_EQ(eidos::debug_live_handles(), before + 1);
    }
    EXPECT_EQ(eidos::debug_live_handles(), before);
}

#ifdef __cpp_lib_jthread
TEST(Control, AStopTokenCancels)
{
    std::stop_source source;
    const Control control([&](const Progress &progress) {
        if (progress.stage == Stage::forward)
            source.request_stop();
    });
    const std::stop_callback stop(source.get_token(), [&] { control.cancel(); });
    EXPECT_STATUS(cancelled, everything(control));
}
#endif

} // namespace
