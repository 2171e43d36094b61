// What objects are, for people.
#include "demo.hpp"

#include <sstream>

namespace {

template <class T> std::string shown(const T &value)
{
    std::ostringstream out;
    out.precision(1); // what the stream is set to changes nothing
    out << value;
    return out.str();
}

TEST(Print, ObjectsSayWhatTheyAre)
{
    EXPECT_EQ(shown(demo().model), "eidos:demo (eurobert), split at model.layers.2.mlp");
    EXPECT_EQ(shown(eidos::SplitModel::load("eidos:demo")), "eidos:demo (eurobert)");
    EXPECT_EQ(shown(demo().activations),
              std::to_string(demo().activations.row_count()) + " rows of 192 columns (eidos:demo, model.layers.2.mlp)");
    EXPECT_EQ(shown(eidos::Activations::from_rows({std::vector<float>{1, 2}, 2})), "1 rows of 2 columns");
    EXPECT_EQ(shown(demo().explainer), "ica: 4 concepts of 192 columns (eidos:demo, model.layers.2.mlp)");
    EXPECT_EQ(shown(demo().model.modules().front()).substr(0, 17), "the whole model: ");
}

TEST(Print, ConceptsAndLabels)
{
    eidos::ConceptInputs found{3, {{" film", 2.5f, 7}, {" movie", 2.0f, 9}}, {}};
    EXPECT_EQ(shown(found), "Concept 3: ' film', ' movie'");
    found.positive_label = eidos::Label{"films", 0.875};
    found.negative = {{" war", -1.0f, 1}};
    EXPECT_EQ(shown(found), "Concept 3, films (score 0.88): ' film', ' movie'; negative: ' war'");
    EXPECT_EQ(shown(eidos::ConceptInputs{5, {}, {}}), "Concept 5: dead");
    eidos::Label failed;
    failed.error.emplace(eidos::Status::network, "nobody answers", "look at the cable");
    EXPECT_EQ(shown(failed), "network: nobody answers (look at the cable)");
    const std::string meaning = shown(demo().meaning);
    EXPECT_EQ(std::count(meaning.begin(), meaning.end(), '\n'), 4);
    EXPECT_EQ(meaning.substr(0, 12), "Concept 0: '");
}

TEST(Print, Explanations)
{
    EXPECT_EQ(shown(eidos::Firing{4, eidos::Pole::positive, 1, 8.84f, 99.93f}),
              "concept 4 (8.8 standard deviations, above 99.9 % of the rows)");
    EXPECT_EQ(shown(eidos::Firing{4, eidos::Pole::positive, 1, 8.84f, 99.97f}),
              "concept 4 (8.8 standard deviations, above 99.9 % of the rows)");
    EXPECT_EQ(shown(eidos::Firing{4, eidos::Pole::positive, 1, 8.84f, 100.0f}),
              "concept 4 (8.8 standard deviations, above all of the rows)");
    EXPECT_EQ(shown(eidos::ExplainedUnit{"his", {}, {}}), "'his': nothing");
    eidos::ExplainOptions options;
    options.least_deviations = 0;
    const auto explanation = eidos::explain(demo().explainer, demo().model, {"a dull film"}, options, demo().meaning);
    const std::string lines = shown(explanation);
    EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 4);
    EXPECT_EQ(lines.rfind("a dull film\n  'a': ", 0), 0u) << lines;
    EXPECT_NE(lines.find("\n  ' film': concept "), std::string::npos) << lines;
    const auto firing = explanation.firings(2).front();
    EXPECT_NE(lines.find(*explanation.name(firing.concept_index, firing.pole)), std::string::npos) << lines;
}

} // namespace
