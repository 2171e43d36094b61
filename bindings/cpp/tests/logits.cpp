// Logits, from the start of a model and from the rows of a module.
#include "demo.hpp"

#include <algorithm>
#include <vector>

namespace {

const std::vector<std::string> films = {"a warm and funny film", "what a waste of two hours"};

eidos::SplitModel whole()
{
    eidos::LoadOptions options;
    options.whole = true;
    return eidos::SplitModel::load("eidos:demo", "model.layers.1", options);
}

eidos::Matrix all_rows(const eidos::SplitModel &model)
{
    eidos::ActivationsOptions options;
    options.granularity = eidos::Granularity::all_tokens;
    const auto activations = model.activations(films, options);
    return activations.copy_rows(0, activations.row_count());
}

std::vector<float> values(const eidos::Activations &logits)
{
    return logits.copy_rows(0, logits.row_count()).values();
}

TEST(Logits, AreTheSameFromRowsThatWereCaptured)
{
    const auto model = whole();
    const auto logits = model.logits(films);
    EXPECT_EQ(logits.column_count(), model.logit_count());
    EXPECT_EQ(logits.granularity(), eidos::Granularity::all_tokens);
    EXPECT_EQ(logits.unit_span(logits.row_count() - 1).text_index, 1u);
    auto rows = all_rows(model);
    const auto before = values(logits);
    EXPECT_EQ(values(model.logits_from("model.layers.1", rows, films)), before);
    rows.values()[0] += 10;
    EXPECT_NE(values(model.logits_from("model.layers.1", rows, films)), before);
}

TEST(Logits, HaveColumnsWithNames)
{
    const auto model = whole();
    bool found = false;
    for (std::size_t column = 0; column < model.logit_count(); column++)
        found = found || model.logit_name(column).find("film") != std::string::npos;
    EXPECT_TRUE(found);
    EXPECT_THROW((void)model.logit_name(model.logit_count()), eidos::Error);
}

TEST(Logits, RefuseWhatCannotBe)
{
    const auto model = whole();
    auto rows = all_rows(model);
    EXPECT_THROW((void)eidos::SplitModel::load("eidos:demo", "1").logits(films), eidos::Error);
    EXPECT_THROW((void)model.logits_from("model.layers.1", rows, films.front()), eidos::Error);
    EXPECT_THROW((void)model.logits_from("model.layers.9", rows, films), eidos::Error);
}

} // namespace
