// Objects of one pointer that may end in any order.
#include "demo.hpp"
#include "other_standard.hpp"

#include <algorithm>
#include <functional>
#include <optional>
#include <random>
#include <type_traits>

namespace {

template <class T>
constexpr bool moves_only = std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_assignable_v<T> &&
                            !std::is_copy_constructible_v<T> && !std::is_copy_assignable_v<T>;

static_assert(moves_only<eidos::SplitModel> && sizeof(eidos::SplitModel) == sizeof(void *));
static_assert(moves_only<eidos::Activations> && sizeof(eidos::Activations) == sizeof(void *));
static_assert(moves_only<eidos::Explainer> && sizeof(eidos::Explainer) == sizeof(void *));
static_assert(moves_only<eidos::Interpretation> && sizeof(eidos::Interpretation) == sizeof(void *));
static_assert(moves_only<eidos::Explanation> && sizeof(eidos::Explanation) == sizeof(void *));
static_assert(moves_only<eidos::Control>);

TEST(Lifetimes, ObjectsEndInAnyOrder)
{
    std::mt19937 random(1);
    for (int round = 0; round < 12; round++) {
        const std::size_t before = eidos::debug_live_handles();
        {
            std::optional<eidos::SplitModel> model = eidos::SplitModel::load("eidos:demo", split);
            std::optional<eidos::Activations> activations = model->activations(texts);
            std::optional<eidos::Explainer> explainer = Chain::fit(*activations);
            std::optional<eidos::Interpretation> meaning = eidos::interpret_top_inputs(*explainer, *activations);
            std::optional<eidos::Explanation> explanation = eidos::explain(*explainer, *activations, {}, *meaning);
            std::optional<eidos::Control> control(std::in_place, [](const eidos::Progress &) {});
            std::vector<std::function<void()>> ends = {
                [&] { model.reset(); }, [&] { activations.reset(); }, [&] { explainer.reset(); },
                [&] { meaning.reset(); }, [&] { explanation.reset(); }, [&] { control.reset(); }};
            std::shuffle(ends.begin(), ends.end(), random);
            for (const auto &end : ends) {
                end();
                if (model) {
                    EXPECT_EQ(model->split_points().size(), 1u);
                }
                if (activations) {
                    EXPECT_TRUE(activations->unit(0).has_value());
                }
                if (explainer) {
                    EXPECT_EQ(explainer->dictionary().row_count(), 4u);
                }
                if (meaning) {
                    EXPECT_EQ(meaning->concepts().size(), 4u);
                }
                if (explanation) {
                    EXPECT_NE(explanation->at(0).text, "");
                }
            }
        }
        EXPECT_EQ(eidos::debug_live_handles(), before);
    }
}

TEST(Lifetimes, OwnersShareOneThing)
{
    const std::vector<float> rows = {1, 2, 3, 4};
    std::optional<eidos::Activations> first = eidos::Activations::from_rows({rows, 2});
    const auto second = first->share();
    const auto view = first->rows().values();
    EXPECT_EQ(second.rows().values().data(), view.data());
    first.reset();
    EXPECT_EQ(view[3], 4);
    EXPECT_EQ(second.row_count(), 2u);
    EXPECT_EQ(demo().model.share().family(), demo().model.family());
    const auto explainer = demo().explainer.share();
    EXPECT_EQ(explainer.dictionary().values().data(), demo().explainer.dictionary().values().data());
    EXPECT_EQ(eidos::interpret_top_inputs(demo().explainer, demo().activations).share().concepts().size(), 4u);
}

TEST(Lifetimes, AssigningFreesWhatWasThere)
{
    const std::vector<float> rows = {1, 2, 3, 4};
    const std::size_t before = eidos::debug_live_handles();
    {
        auto activations = eidos::Activations::from_rows({rows, 1});
        activations = eidos::Activations::from_rows({rows, 2});
        EXPECT_EQ(activations.column_count(), 2u);
        EXPECT_EQ(eidos::debug_live_handles(), before + 1);
    }
    EXPECT_EQ(eidos::debug_live_handles(), before);
}

TEST(Lifetimes, HandlesGoToTheHeaderAndBack)
{
    auto activations = eidos::Activations::from_rows(demo().activations.rows(0, 2));
    EXPECT_EQ(eidos_activations_row_count(activations.handle()), 2u);
    eidos_activations *raw = activations.release();
    EXPECT_EQ(activations.release(), nullptr);
    const eidos::Activations back(raw);
    EXPECT_EQ(back.row_count(), 2u);
}

TEST(Lifetimes, FailuresLeaveNothing)
{
    static_cast<void>(demo());
    const std::size_t before = eidos::debug_live_handles();
    EXPECT_STATUS(unknown_module, eidos::SplitModel::load("eidos:demo", "nowhere"));
    EXPECT_STATUS(invalid_argument, eidos::fit_ica(demo().activations, {}));
    EXPECT_EQ(eidos::debug_live_handles(), before);
}

TEST(Lifetimes, ObjectsTravelBetweenLanguageVersions)
{
    EXPECT_NE(other_language_version(), __cplusplus);
    int calls = 0;
    const eidos::Control control([&](const eidos::Progress &) { calls++; });
    const auto activations = other_activations(demo().model, control);
    EXPECT_GT(calls, 0);
    EXPECT_EQ(other_row(activations.rows(), 1).data(), activations.rows().row(1).data());
    EXPECT_EQ(other_error().message(), "of the other file");
}

} // namespace
