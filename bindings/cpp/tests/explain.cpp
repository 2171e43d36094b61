// Which concepts fire on the units of texts.
#include "demo.hpp"

#include <algorithm>
#include <cmath>

namespace {

eidos::ExplainOptions some_options()
{
    eidos::ExplainOptions options;
    options.k = 3, options.least_deviations = 0.5, options.negative_pole = true;
    return options;
}

TEST(Explain, WhatFiresIsWhatTheCodesAndMomentsSay)
{
    const eidos::Explainer &explainer = demo().explainer;
    const auto options = some_options();
    const auto explanation = eidos::explain(explainer, demo().activations, options);
    const auto codes = explainer.encode(demo().activations.rows());
    ASSERT_EQ(explanation.unit_count(), codes.row_count());
    std::size_t negative = 0, fired = 0;
    for (std::size_t unit = 0; unit < explanation.unit_count(); unit++) {
        std::vector<double> expected;
        for (std::size_t index = 0; index < explainer.concept_count(); index++) {
            const auto [mean, deviation] = explainer.moments(index);
            const double deviations = std::fabs(codes(unit, index) - mean) / deviation;
            if (deviations >= options.least_deviations)
                expected.push_back(deviations);
        }
        std::sort(expected.rbegin(), expected.rend());
        expected.resize(std::min<std::size_t>(expected.size(), options.k));
        const auto firings = explanation.firings(unit);
        ASSERT_EQ(firings.size(), expected.size());
        for (std::size_t rank = 0; rank < firings.size(); rank++, fired++) {
            const eidos::Firing &firing = firings[rank];
            EXPECT_EQ(firing.activation, codes(unit, firing.concept_index));
            EXPECT_NEAR(std::fabs(firing.deviations), expected[rank], 1e-4);
            EXPECT_EQ(firing.pole, firing.deviations < 0 ? eidos::Pole::negative : eidos::Pole::positive);
            EXPECT_TRUE(firing.percentile >= 0 && firing.percentile <= 100);
            negative += firing.pole == eidos::Pole::negative;
        }
    }
    EXPECT_TRUE(negative > 0 && fired > negative);
    EXPECT_STATUS(invalid_argument, explanation.firings(explanation.unit_count()));
}

TEST(Explain, UnitsStandInTheirTexts)
{
    const auto explanation = eidos::explain(demo().explainer, demo().model, texts, {}, demo().meaning);
    ASSERT_EQ(explanation.text_count(), texts.size());
    for (std::size_t index = 0; index < texts.size(); index++)
        EXPECT_EQ(explanation.text(index), texts[index]);
    std::size_t unit = 0;
    for (const eidos::ExplainedUnit &found : explanation) {
        ASSERT_TRUE(found.span.has_value());
        const auto [text_index, begin, end] = *found.span;
        EXPECT_EQ(found.text, texts[text_index].substr(begin, end - begin));
        EXPECT_EQ(found.firings.size(), explanation.firings(unit).size());
        EXPECT_EQ(found.text, explanation.at(unit++).text);
    }
    EXPECT_EQ(unit, demo().activations.row_count());
    EXPECT_STATUS(invalid_argument, explanation.at(unit));
    EXPECT_STATUS(invalid_argument, explanation.text(texts.size()));
}

TEST(Explain, ConceptsHaveTheNamesOfTheInterpretation)
{
    const auto explanation = eidos::explain(demo().explainer, demo().model, "a funny film", some_options(), demo().meaning);
    std::size_t named = 0;
    for (const auto &unit : explanation)
        for (const auto &firing : unit.firings) {
            const auto &inputs = demo().meaning.at(firing.concept_index).positive;
            const std::string expected = "'" + inputs[0].text + "', '" + inputs[1].text + "', '" + inputs[2].text + "'";
            EXPECT_EQ(explanation.name(firing.concept_index), expected);
            EXPECT_EQ(explanation.name(firing.concept_index, eidos::Pole::negative), std::nullopt) << "not interpreted";
            named++;
        }
    EXPECT_GT(named, 0u);
    EXPECT_EQ(explanation.name(99), std::nullopt);
    const auto nameless = eidos::explain(demo().explainer, demo().model, "a funny film", some_options());
    EXPECT_EQ(nameless.name(nameless.at(0).firings.at(0).concept_index), std::nullopt);
    EXPECT_NE(explanation.json().find("\"format\":\"eidos.explanation\""), std::string::npos);
    EXPECT_NE(explanation.json(), nameless.json());
}

TEST(Explain, OfTextsIsThatOfTheirActivations)
{
    const auto of_texts = eidos::explain(demo().explainer, demo().model, texts, {}, demo().meaning);
    const auto of_rows = eidos::explain(demo().explainer, demo().activations, {}, demo().meaning);
    EXPECT_EQ(of_texts.json(), of_rows.json());
    const auto inputs = demo().model.inputs(texts);
    EXPECT_EQ(eidos::explain(demo().explainer, demo().model, inputs, {}, demo().meaning).share().json(), of_rows.json());
}

TEST(Explain, RowsOfOnesOwnHaveNoSpans)
{
    const auto plain = eidos::Activations::from_rows(demo().activations.rows());
    const auto explanation = eidos::explain(demo().explainer, plain);
    EXPECT_EQ(explanation.text_count(), 0u);
    EXPECT_EQ(explanation.at(3).text, "row 3");
    EXPECT_EQ(explanation.at(3).span, std::nullopt);
}

TEST(Explain, ADictionaryIsCalibratedFirst)
{
    const eidos::Explainer &fitted = demo().explainer;
    const auto own = eidos::Explainer::from_dictionary(fitted.dictionary());
    const auto refused = error_of([&] { return eidos::explain(own, demo().activations); });
    EXPECT_EQ(refused.status(), eidos::Status::invalid_argument);
    EXPECT_NE(refused.hint().find("calibrate"), std::string::npos);
    EXPECT_STATUS(invalid_argument, own.moments(0));

    const auto calibrated = own.calibrate(demo().activations);
    const auto codes = own.encode(demo().activations.rows());
    double sum = 0;
    for (std::size_t row = 0; row < codes.row_count(); row++)
        sum += codes(row, 1);
    EXPECT_NEAR(calibrated.moments(1).mean, sum / static_cast<double>(codes.row_count()), 1e-6);
    EXPECT_GT(calibrated.moments(1).deviation, 0);
    EXPECT_STATUS(invalid_argument, calibrated.moments(4));
    EXPECT_EQ(eidos::explain(calibrated, demo().activations).unit_count(), demo().activations.row_count());
    // ICA makes the codes white.
    EXPECT_NEAR(fitted.moments(1).mean, 0, 1e-4);
    EXPECT_NEAR(fitted.moments(1).deviation, 1, 1e-3);
}

TEST(Explain, WrongRequestsAndCancelling)
{
    eidos::ExplainOptions none;
    none.k = 0;
    EXPECT_STATUS(invalid_argument, eidos::explain(demo().explainer, demo().activations, none));
    const auto other = eidos::SplitModel::load("eidos:demo", "model.layers.1.mlp");
    EXPECT_STATUS(mismatch, eidos::explain(demo().explainer, other, texts));
    const eidos::Control cancelled;
    cancelled.cancel();
    EXPECT_THROW(static_cast<void>(eidos::explain(demo().explainer, demo().model, texts, {}, {}, cancelled)), eidos::Cancelled);
    EXPECT_THROW(static_cast<void>(demo().explainer.calibrate(demo().activations, cancelled)), eidos::Cancelled);
}

} // namespace
