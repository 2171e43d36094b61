// Many threads use the same objects, and fit different explainers at once.
#include "demo.hpp"

#include <algorithm>
#include <thread>

namespace {

template <class Work> void on_threads(std::size_t count, const Work &work)
{
    std::vector<std::thread> threads;
    for (std::size_t index = 0; index < count; index++)
        threads.emplace_back([&work, index] { work(index); });
    for (std::thread &thread : threads)
        thread.join();
}

TEST(Threads, ReadTheSameObjects)
{
    const eidos::Activations &activations = demo().activations;
    const eidos::Explainer &explainer = demo().explainer;
    const auto codes = explainer.encode(activations.rows());
    const std::string json = demo().meaning.json();
    on_threads(4, [&](std::size_t) {
        const auto mine = explainer.encode(activations.rows());
        EXPECT_TRUE(std::equal(mine.values().begin(), mine.values().end(), codes.values().begin()));
        EXPECT_EQ(demo().meaning.json(), json);
        const auto again = demo().model.activations(texts);
        const auto left = again.rows().values(), right = activations.rows().values();
        EXPECT_TRUE(std::equal(left.begin(), left.end(), right.begin(), right.end()));
        for (std::size_t row = 0; row < activations.row_count(); row++)
            EXPECT_EQ(again.unit(row), activations.unit(row));
    });
}

TEST(Threads, FitDifferentExplainersAtOnce)
{
    static_cast<void>(demo());
    on_threads(4, [](std::size_t index) {
        eidos::IcaOptions options;
        options.concept_count = static_cast<std::uint32_t>(index + 2);
        int calls = 0;
        const eidos::Control control([&](const eidos::Progress &) { calls++; });
        const auto explainer = eidos::fit_ica(demo().activations, options, control);
        EXPECT_EQ(explainer.concept_count(), index + 2);
        EXPECT_GT(calls, 0);
        const auto meaning = eidos::interpret_top_inputs(explainer, demo().activations);
        EXPECT_EQ(meaning.concepts().size(), index + 2);
    });
}

TEST(Threads, OneCancelsItsOwnCallOnly)
{
    static_cast<void>(demo());
    on_threads(4, [](std::size_t index) {
        const eidos::Control control([index](const eidos::Progress &progress) {
            if (index % 2 && progress.stage == eidos::Stage::forward)
                throw index;
        });
        try {
            EXPECT_GT(demo().model.activations(texts, {}, control).row_count(), 0u);
            EXPECT_EQ(index % 2, 0u);
        } catch (std::size_t thrown) {
            EXPECT_EQ(thrown, index);
        }
    });
}

} // namespace
