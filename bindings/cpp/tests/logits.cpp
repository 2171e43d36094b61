// Logits, from the start of a model and from the rows of a module.
#include "demo.hpp"

#include <algorithm>
#include <limits>
#include <vector>

namespace {

const std::vector<std::string> films = {"a warm and funny film", "what a waste of two hours"};

eidos::SplitModel whole()
{
    eidos::LoadOptions options;
    options.whole = true;
    return eidos::SplitModel::load("eidos:demo", "model.layers.1", options);
}

eidos::Activations all_tokens(const eidos::SplitModel &model,
                              std::uint64_t memory_limit = eidos::ActivationsOptions().memory_limit,
                              std::uint64_t shard_bytes = eidos::ActivationsOptions().shard_bytes)
{
    eidos::ActivationsOptions options;
    options.granularity = eidos::Granularity::all_tokens;
    options.memory_limit = memory_limit;
    options.shard_bytes = shard_bytes;
    return model.activations(films, options);
}

eidos::Matrix all_rows(const eidos::SplitModel &model) { return all_tokens(model).copy_rows(); }

eidos::Activations logits_from(const eidos::SplitModel &model, const char *path, const eidos::Activations &rows,
                               const eidos::InputsArg &inputs)
{
    eidos::Interventions changes;
    changes.replace(path, rows);
    return model.logits(inputs, changes);
}

eidos::Activations logits_from(const eidos::SplitModel &model, const char *path, eidos::MatrixView rows,
                               const eidos::InputsArg &inputs)
{
    eidos::Interventions changes;
    changes.replace(path, rows);
    return model.logits(inputs, changes);
}

std::vector<float> values(const eidos::Activations &logits) { return logits.copy_rows().values(); }

TEST(Logits, AreTheSameFromRowsThatWereCaptured)
{
    const auto model = whole();
    const auto logits = model.logits(films);
    EXPECT_EQ(logits.column_count(), model.logit_count());
    EXPECT_EQ(logits.granularity(), eidos::Granularity::all_tokens);
    EXPECT_EQ(logits.unit_span(logits.row_count() - 1).text_index, 1u);
    auto rows = all_rows(model);
    const auto before = values(logits);
    EXPECT_EQ(values(logits_from(model, "model.layers.1", rows, films)), before);
    rows.row(0)[0] += 10;
    EXPECT_NE(values(logits_from(model, "model.layers.1", rows, films)), before);
}

TEST(Logits, AreTheSameFromActivationsInMemoryAndOnDisk)
{
    const auto model = whole();
    const auto before = values(model.logits(films));
    EXPECT_EQ(values(logits_from(model, "model.layers.1", all_tokens(model), films)), before);
    const auto spilled = all_tokens(model, 1, 4096);
    ASSERT_TRUE(spilled.is_on_disk());
    EXPECT_THROW((void)spilled.rows(), eidos::Error); // they lie in several shards
    EXPECT_EQ(values(logits_from(model, "1", spilled, films)), before);
    const auto own = eidos::Activations::from_rows(all_rows(model));
    EXPECT_EQ(values(logits_from(model, "model.layers.1", own, films)), before);
}

TEST(Logits, AreNotMadeFromActivationsOfSomethingElse)
{
    const auto model = whole();
    const auto rows = all_tokens(model);
    const auto status = [&](const char *path, const eidos::Activations &activations, const std::vector<std::string> &texts) {
        try {
            (void)logits_from(model, path, activations, texts);
            return eidos::Status::ok;
        } catch (const eidos::Error &error) {
            return error.status();
        }
    };
    EXPECT_EQ(status("model.layers.1", rows, films), eidos::Status::ok);
    EXPECT_EQ(status("model.layers.2", rows, films), eidos::Status::mismatch);
    EXPECT_EQ(status("model.layers.1", model.activations(films), films), eidos::Status::mismatch);
    EXPECT_EQ(status("model.layers.1", rows, {films.front()}), eidos::Status::mismatch);
}

TEST(TokenIds, LeadToWhatTheirTextLeadsTo)
{
    const auto model = whole();
    eidos::TokenIds ids;
    for (const auto &film : films) {
        ids.emplace_back();
        for (const auto &token : model.tokens(film))
            ids.back().push_back(token.id);
    }
    EXPECT_EQ(values(model.logits(model.inputs_from_token_ids(ids))), values(model.logits(films)));
    const auto found = model.activations(model.inputs_from_token_ids(ids)), expected = all_tokens(model);
    EXPECT_EQ(found.copy_rows().values().size(), expected.copy_rows().values().size());
    EXPECT_EQ(values(found), values(expected));
    EXPECT_EQ(found.unit(1), expected.unit(1));
    EXPECT_EQ(values(logits_from(model, "1", found, films)), values(model.logits(films)));
    EXPECT_THROW((void)model.inputs_from_token_ids({}), eidos::Error);
    EXPECT_THROW((void)model.inputs_from_token_ids({{6000}}), eidos::Error);
    EXPECT_EQ(model.activations(model.inputs_from_token_ids({{}, {5, 6}})).row_count(), 2u);
}

TEST(TokenIds, HaveStringsAndPlaces)
{
    const auto tokens = whole().tokens("caf\u00e9 films");
    EXPECT_EQ(tokens.front().string, "<|begin_of_text|>");
    EXPECT_EQ(tokens.front().begin, tokens.front().end);
    EXPECT_EQ(tokens[tokens.size() - 2].end, std::string("caf\u00e9 films").size());
    EXPECT_EQ(tokens[1].begin, 0u);
    const std::string with_nul("a\0film", 6);
    const auto whole_text = whole().tokens(with_nul);
    EXPECT_EQ(whole_text[whole_text.size() - 2].end, 6u);
    EXPECT_EQ(whole().tokens("").size(), 2u);
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
    EXPECT_THROW((void)logits_from(model, "model.layers.1", rows, films.front()), eidos::Error);
    EXPECT_THROW((void)logits_from(model, "model.layers.9", rows, films), eidos::Error);
}

TEST(Interventions, FollowOneAnotherAndReachActivations)
{
    const auto model = whole();
    const auto explainer = Chain::fit(model.activations(texts));
    const auto direction = explainer.dictionary().row(1);
    eidos::Interventions first, both;
    first.add_direction("model.layers.0", direction, 3, {1, 2});
    both.add_direction("0", direction, 3, {1, 2}).clamp_concept("1", explainer, 2, 1.5F).ablate_concept("1", explainer, 0);
    EXPECT_EQ(both.size(), 3u);
    eidos::ActivationsOptions all;
    all.granularity = eidos::Granularity::all_tokens;
    const auto inputs = model.inputs(films);
    const auto under = model.activations(inputs, first, all);
    EXPECT_NE(values(under), values(model.activations(inputs, all)));
    EXPECT_EQ(model.activations_per_split_point(inputs, first, all).size(), 1u);
    first.replace("1", under).clamp_concept("1", explainer, 2, 1.5F).ablate_concept("1", explainer, 0);
    EXPECT_EQ(values(model.logits(inputs, first)), values(model.logits(inputs, both)));
    const auto shared = both.share();
    EXPECT_NE(values(model.logits(films, shared)), values(model.logits(films)));
    EXPECT_STATUS(unknown_module, model.logits(films, both.add_direction("model.layers.9", direction, 1)));
    EXPECT_STATUS(invalid_argument, both.ablate_concept("1", explainer, 99).size());
    EXPECT_STATUS(invalid_data, both.add_direction("1", direction, std::numeric_limits<float>::quiet_NaN()).size());
}

} // namespace
