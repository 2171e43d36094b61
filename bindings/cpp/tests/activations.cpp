// Rows and what they stand for.
#include "demo.hpp"

#include <algorithm>

namespace {

using eidos::Activations;

TEST(Activations, KnowWhereTheyComeFrom)
{
    const Activations &activations = demo().activations;
    EXPECT_EQ(activations.model(), "eidos:demo");
    EXPECT_EQ(activations.split_point(), split);
    EXPECT_EQ(activations.granularity(), eidos::Granularity::word);
    EXPECT_EQ(activations.aggregation(), eidos::Aggregation::mean);
    EXPECT_EQ(activations.text_count(), texts.size());
    EXPECT_EQ(activations.truncated_count(), 0u);
    EXPECT_FALSE(activations.is_on_disk());
}

TEST(Activations, UnitsStandInTheirTexts)
{
    const Activations &activations = demo().activations;
    ASSERT_GT(activations.row_count(), 50u);
    bool not_ascii = false;
    for (std::size_t row = 0; row < activations.row_count(); row++) {
        const auto [text_index, begin, end] = activations.unit_span(row);
        ASSERT_LT(text_index, texts.size());
        EXPECT_EQ(activations.unit(row), texts[text_index].substr(begin, end - begin));
        not_ascii = not_ascii || activations.unit(row) == " caf\xc3\xa9";
    }
    EXPECT_TRUE(not_ascii);
    for (std::size_t index = 0; index < texts.size(); index++)
        EXPECT_EQ(activations.text(index), texts[index]);
}

TEST(Activations, ViewsAndCopiesAgree)
{
    const Activations &activations = demo().activations;
    const auto view = activations.rows();
    EXPECT_EQ(view.row_count(), activations.row_count());
    EXPECT_EQ(view.data(), activations.rows().data()) << "a view is not a copy";
    const auto some = activations.rows(3, 2);
    EXPECT_EQ(some.data(), view.row(3).data());
    const auto copy = activations.copy_rows(3, 2);
    EXPECT_TRUE(std::equal(some.values().begin(), some.values().end(), copy.values().begin(), copy.values().end()));
    EXPECT_EQ(activations.copy_rows(0, 0).row_count(), 0u);
}

TEST(Activations, ViewsSurviveAMove)
{
    Activations first = Activations::from_rows(demo().activations.rows());
    const auto view = first.rows();
    const float value = view(0, 0);
    const Activations second = std::move(first);
    EXPECT_EQ(view(0, 0), value);
    EXPECT_EQ(second.rows().data(), view.data());
}

TEST(Activations, OfOnesOwnMatrix)
{
    const std::vector<float> rows = {1, 2, 3, 4, 5, 6};
    const auto plain = Activations::from_rows({rows, 2});
    EXPECT_EQ(plain.row_count(), 3u);
    EXPECT_EQ(plain.column_count(), 2u);
    EXPECT_EQ(plain.rows()(2, 1), 6);
    EXPECT_EQ(plain.unit(0), std::nullopt);
    EXPECT_EQ(plain.granularity(), std::nullopt);
    EXPECT_EQ(plain.aggregation(), std::nullopt);
    EXPECT_EQ(plain.model() + plain.split_point(), "");
    EXPECT_STATUS(invalid_argument, plain.unit_span(0));

    const auto named = Activations::from_rows({rows, 3}, {"first", "second"});
    EXPECT_EQ(named.unit(1), "second");
    EXPECT_STATUS(invalid_argument, Activations::from_rows({rows, 3}, {"first"}));
    EXPECT_STATUS(invalid_argument, Activations::from_rows({rows, 3}, {"first", "second", "third"}));
    EXPECT_STATUS(invalid_argument, Activations::from_rows({nullptr, 2, 2}));
    EXPECT_STATUS(invalid_argument, Activations::from_rows({rows.data(), 2, 0}));
    EXPECT_STATUS(invalid_argument, Activations::from_rows({}));
}

TEST(Activations, OfOtherUnits)
{
    eidos::ActivationsOptions options;
    options.granularity = eidos::Granularity::sample;
    options.aggregation = eidos::Aggregation::max;
    options.threads = 1;
    const auto samples = demo().model.activations(std::vector<std::string>{"a text", "another one"}, options);
    EXPECT_EQ(samples.row_count(), 2u);
    EXPECT_EQ(samples.granularity(), eidos::Granularity::sample);
    EXPECT_EQ(samples.aggregation(), eidos::Aggregation::max);
    EXPECT_EQ(demo().model.activations("one text").text_count(), 1u);
    EXPECT_EQ(demo().model.activations({""}).row_count(), 0u) << "a text without tokens";
    EXPECT_STATUS(invalid_argument, demo().model.activations({}));
}

TEST(Activations, RulesOfWordsAndUnitsWithoutARow)
{
    const auto units = [](const Activations &activations) {
        std::string all;
        for (std::size_t row = 0; row < activations.row_count(); row++)
            all += "|" + activations.unit(row).value();
        return all;
    };
    const std::string text = "The film isn't the best.";
    EXPECT_EQ(demo().model.activations(text).word_rule(), eidos::WordRule::tokenizer);
    eidos::ActivationsOptions options;
    options.word_rule = eidos::WordRule::unicode;
    const auto words = demo().model.activations(text, options);
    EXPECT_EQ(words.word_rule(), eidos::WordRule::unicode);
    EXPECT_EQ(units(words), "|The| film| isn't| the| best|.");
    options.word_rule = eidos::WordRule::automatic;
    options.stop_units = {"the", "."};
    options.stop_contractions = true;
    const auto fewer = demo().model.activations(text, options);
    EXPECT_EQ(units(fewer), "| film| isn| best");
    EXPECT_EQ(fewer.left_out_count(), 4u);
    EXPECT_EQ(fewer.left_out_count(eidos::Filter::stop_units), 3u);
    EXPECT_EQ(fewer.left_out_count(eidos::Filter::stop_contractions), 1u);
    EXPECT_EQ(fewer.filters(), R"({"stop_units":["the","."],"stop_contractions":true})");
    options.stop_units = {" "};
    EXPECT_STATUS(invalid_argument, demo().model.activations(text, options));
    options = {};
    options.stop_punctuation = true;
    EXPECT_EQ(units(demo().model.activations(text, options)), "|The| film| isn|'t| the| best");
    options = {};
    options.granularity = eidos::Granularity::all_tokens;
    options.skip_first_position = true;
    const auto later = demo().model.activations(text, options);
    EXPECT_EQ(later.row_count() + 1, demo().model.tokens(text).size());
    EXPECT_EQ(later.left_out_count(eidos::Filter::first_position), 1u);
}

TEST(Activations, LoseRowsThatAreFarLongerThanOthers)
{
    const std::vector<float> rows = {1, 0, 0, 1, 0, 900, 2, 0};
    const auto usual = eidos::Activations::from_rows({rows, 2}, {"a", "film", "the", "dull"}).without_high_norms(10);
    EXPECT_EQ(usual.row_count(), 3u);
    EXPECT_EQ(usual.unit(2), "dull");
    EXPECT_EQ(usual.left_out_count(eidos::Filter::high_norm), 1u);
    EXPECT_EQ(usual.filters(), R"({"max_norm_multiple":10.0})");
    EXPECT_EQ(demo().activations.without_high_norms(1e6).copy_rows().values(), demo().activations.copy_rows().values());
    EXPECT_STATUS(invalid_argument, usual.without_high_norms(0.5));
}

TEST(Activations, RefuseLongTextsWhereThatIsWanted)
{
    std::string text;
    for (std::size_t word = 0; word < demo().model.max_positions(); word++)
        text += "film ";
    EXPECT_EQ(demo().model.activations({"a", text}).truncated_count(), 1u);
    eidos::ActivationsOptions options;
    options.on_long_text = eidos::OnLongText::error;
    EXPECT_STATUS(invalid_argument, demo().model.activations({"a", text}, options));
    EXPECT_STATUS(invalid_argument, demo().model.stream_activations(std::vector<std::string>{"a", text}, options));
    EXPECT_EQ(demo().model.activations("a", options).truncated_count(), 0u);
}

TEST(Activations, SaveAndOpen)
{
    const TemporaryFolder folder;
    const Activations &saved = demo().activations;
    saved.save(folder / "saved");
    const auto opened = Activations::open(folder / "saved");
    EXPECT_TRUE(opened.is_on_disk());
    EXPECT_EQ(opened.row_count(), saved.row_count());
    EXPECT_EQ(opened.unit(5), saved.unit(5));
    const auto left = opened.rows().values(), right = saved.rows().values();
    EXPECT_TRUE(std::equal(left.begin(), left.end(), right.begin(), right.end()));
    const auto copied = Activations::open_copy(folder / "saved");
    EXPECT_FALSE(copied.is_on_disk());
    const auto again = copied.rows().values();
    EXPECT_TRUE(std::equal(again.begin(), again.end(), right.begin(), right.end()));
    EXPECT_STATUS(invalid_argument, Activations::open_copy(""));
}

TEST(Activations, ShardsAreReadAsOne)
{
    const TemporaryFolder folder;
    eidos::ActivationsOptions options;
    options.folder = (folder / "shards").string();
    options.shard_bytes = 1 << 14;
    const auto shards = demo().model.activations(texts, options);
    EXPECT_TRUE(shards.is_on_disk());
    const auto error = error_of([&] { return shards.rows(); });
    EXPECT_EQ(error.status(), eidos::Status::invalid_argument);
    const auto all = demo().activations.rows().values();
    std::size_t first = 0, runs = 0;
    for (; first < shards.row_count(); runs++) {
        const auto run = shards.run(first);
        EXPECT_TRUE(std::equal(run.values().begin(), run.values().end(), all.begin() + first * shards.column_count()));
        first += run.row_count();
    }
    EXPECT_TRUE(first == shards.row_count() && runs > 2);
    EXPECT_EQ(demo().activations.run(3).row_count(), demo().activations.row_count() - 3);
    EXPECT_STATUS(invalid_argument, shards.run(first));
    const auto copy = shards.copy_rows(0, shards.row_count());
    const auto rows = demo().activations.rows().values();
    EXPECT_TRUE(std::equal(rows.begin(), rows.end(), copy.values().begin(), copy.values().end()));
}

TEST(Estimates, AreOfTheRowsThatCome)
{
    const auto estimate = demo().model.estimate(texts);
    EXPECT_EQ(estimate.text_count, texts.size());
    EXPECT_EQ(estimate.row_count, demo().activations.row_count());
    EXPECT_EQ(estimate.row_bytes, estimate.row_count * demo().activations.column_count() * sizeof(float));
    EXPECT_EQ(estimate.token_count, demo().model.inputs(texts).token_count());
    EXPECT_FALSE(estimate.on_disk);
    EXPECT_GT(estimate.seconds, 0);
    eidos::ActivationsOptions options;
    options.memory_limit = 0;
    EXPECT_TRUE(demo().model.estimate(texts, options).on_disk);
    const eidos::Control control;
    control.cancel();
    EXPECT_STATUS(cancelled, demo().model.estimate(texts, {}, control));
}

} // namespace
