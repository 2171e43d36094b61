// How good concepts are.
#include "demo.hpp"

namespace {

TEST(Metrics, OneExplainerAndSeveral)
{
    const auto one = eidos::compare({demo().explainer}, demo().activations);
    for (const char *name : {"\"format\": \"eidos.metrics\"", "\"fraction_of_variance_unexplained\"", "\"l0\": 4.0", "\"coherence\": null"})
        EXPECT_NE(one.find(name), std::string::npos) << name << " in " << one;
    eidos::MetricsOptions detailed;
    detailed.details = true;
    const auto details = eidos::compare({demo().explainer}, demo().activations, detailed);
    for (const char *name : {"\"explained_variance\"", "\"density_histogram\"", "\"densities\""}) {
        EXPECT_EQ(one.find(name), std::string::npos) << name << " in " << one;
        EXPECT_NE(details.find(name), std::string::npos) << name << " in " << details;
    }
    eidos::PcaOptions options;
    options.concept_count = 4;
    const auto pca = eidos::fit_pca(demo().activations, options);
    const auto both = eidos::compare({{demo().explainer, demo().meaning}, pca}, demo().activations);
    EXPECT_NE(both.find("\"assigned_cosine\""), std::string::npos);
    EXPECT_EQ(both.find("\"coherence\": null"), both.rfind("\"coherence\": null")); // PCA has no interpretation
}

TEST(Metrics, WhatCannotBeMeasured)
{
    EXPECT_STATUS(invalid_argument, eidos::compare({}, demo().activations));
    EXPECT_STATUS(mismatch, eidos::compare({demo().explainer}, eidos::Activations::from_rows({std::vector<float>{1, 2}, 2})));
    eidos::MetricsOptions options;
    options.dense_share = 2;
    EXPECT_STATUS(invalid_argument, eidos::compare({demo().explainer}, demo().activations, options));
}

TEST(Metrics, ThroughTheModel)
{
    const std::vector<std::string> films = {"a warm and funny film", "what a waste of two hours"};
    eidos::LoadOptions whole;
    whole.whole = true;
    const auto model = eidos::SplitModel::load("eidos:demo", "model.layers.1", whole);
    const auto own = eidos::fit_neurons(model.activations(films));
    const auto found = eidos::compare_through_model(model, films, "model.layers.1", {own});
    // Rows that are put back as they are lose nothing.
    for (const char *part : {"\"format\": \"eidos.model_metrics\"", "\"predicted\": \"token\"", "\"loss_recovered\": 1.0",
                             "\"same_prediction\": 1.0", "\"method\": \"neurons\""})
        EXPECT_NE(found.find(part), std::string::npos) << part << " in " << found;
    EXPECT_STATUS(invalid_argument, eidos::compare_through_model(model, films, "model.layers.1", {}));
    EXPECT_STATUS(invalid_argument, eidos::compare_through_model(model, films, "model.layers.0", {own}));
    EXPECT_STATUS(invalid_argument, eidos::compare_through_model(model, films, "model.layers.1", {own}, {1, 0}));
}

} // namespace
