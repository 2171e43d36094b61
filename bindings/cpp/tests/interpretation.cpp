// The inputs that excite concepts.
#include "demo.hpp"

#include <fstream>
#include <sstream>

namespace {

TEST(Interpretation, ListsTheStrongestInputsFirst)
{
    const auto codes = demo().explainer.encode(demo().activations.rows());
    const auto concepts = demo().meaning.concepts();
    ASSERT_EQ(concepts.size(), 4u);
    for (std::size_t index = 0; index < concepts.size(); index++) {
        EXPECT_EQ(concepts[index].concept_index, index);
        EXPECT_EQ(concepts[index].positive.size(), 5u);
        EXPECT_TRUE(concepts[index].negative.empty());
        for (std::size_t rank = 0; rank < concepts[index].positive.size(); rank++) {
            const eidos::Input &input = concepts[index].positive[rank];
            EXPECT_EQ(input.text, demo().activations.unit(input.row));
            EXPECT_EQ(input.activation, codes(input.row, index));
            if (rank > 0) {
                EXPECT_LE(input.activation, concepts[index].positive[rank - 1].activation);
            }
        }
    }
}

TEST(Interpretation, OfSomeConceptsAtBothPoles)
{
    eidos::TopInputsOptions options;
    options.k = 2;
    options.concepts = {3, 1};
    options.negative_pole = true;
    const auto meaning = eidos::interpret_top_inputs(demo().explainer, demo().activations, options);
    EXPECT_EQ(meaning.concept_count(), 2u);
    EXPECT_EQ(meaning.at(0).concept_index, 3u);
    EXPECT_EQ(meaning.at(1).concept_index, 1u);
    EXPECT_EQ(meaning.at(0).positive.size(), 2u);
    ASSERT_EQ(meaning.at(0).negative.size(), 2u);
    EXPECT_LT(meaning.at(0).negative[0].activation, 0);
}

TEST(Interpretation, OfTextsIsThatOfTheirActivations)
{
    const auto meaning = eidos::interpret_top_inputs(demo().explainer, demo().model, texts);
    EXPECT_EQ(meaning.json(), demo().meaning.json());

    eidos::ActivationsOptions sentences;
    sentences.granularity = eidos::Granularity::sentence;
    const auto other = eidos::interpret_top_inputs(demo().explainer, demo().model, texts, {}, sentences);
    EXPECT_NE(other.json().find("sentence"), std::string::npos);
}

TEST(Interpretation, OfTheVocabulary)
{
    eidos::TopInputsOptions options;
    options.k = 3;
    const auto meaning = eidos::interpret_top_inputs(demo().explainer, demo().model, demo().model.inputs_from_vocabulary(), options);
    EXPECT_EQ(meaning.at(0).positive.size(), 3u);
}

TEST(Interpretation, SaveAndOpen)
{
    const TemporaryFolder folder;
    demo().meaning.save(folder / "meaning.json");
    const auto opened = eidos::Interpretation::open(folder / "meaning.json");
    EXPECT_EQ(opened.json(), demo().meaning.json());
    EXPECT_EQ(opened.at(0).positive[0].text, demo().meaning.at(0).positive[0].text);
}

TEST(Interpretation, OneFileWithTheExplainer)
{
    const TemporaryFolder folder;
    const auto file = folder / "concepts.safetensors";
    eidos::save_interpreted(file, demo().explainer, demo().meaning);
    const auto both = eidos::open_interpreted(file);
    EXPECT_EQ(both.explainer.concept_count(), demo().explainer.concept_count());
    EXPECT_EQ(both.interpretation.value().json(), demo().meaning.json());
    EXPECT_EQ(eidos::Interpretation::open(file).json(), demo().meaning.json());
    EXPECT_EQ(eidos::Explainer::open(file).concept_count(), demo().explainer.concept_count());
    demo().explainer.save(file);
    EXPECT_FALSE(eidos::open_interpreted(file).interpretation.has_value());
    EXPECT_STATUS(invalid_file, eidos::Interpretation::open(file));
}

TEST(Interpretation, OfRowsWithoutNames)
{
    const auto plain = eidos::Activations::from_rows(demo().activations.rows());
    const auto meaning = eidos::interpret_top_inputs(demo().explainer, plain);
    EXPECT_EQ(meaning.at(0).positive[0].row, demo().meaning.at(0).positive[0].row);
}

TEST(Interpretation, LeavesOutFoldsAndCounts)
{
    eidos::TopInputsOptions options;
    options.k = 1000;
    const auto all = eidos::interpret_top_inputs(demo().explainer, demo().activations, options);
    options.fold_case = true;
    options.stop_punctuation = true;
    options.stop_units = {"a", "the"};
    options.context = 3;
    const auto some = eidos::interpret_top_inputs(demo().explainer, demo().activations, options);
    EXPECT_NE(some.json().find("\"passage\":{\"text\":"), std::string::npos);
    EXPECT_EQ(some.json().find("\"text\":\" the\""), std::string::npos);
    EXPECT_EQ(all.json().find("\"passage\""), std::string::npos);
    options.least_occurrences = 1000000;
    const auto none = eidos::interpret_top_inputs(demo().explainer, demo().activations, options);
    EXPECT_EQ(none.json().find("\"text\""), std::string::npos);
    options.stop_units = {" "};
    EXPECT_STATUS(invalid_argument, eidos::interpret_top_inputs(demo().explainer, demo().activations, options));
}

} // namespace
