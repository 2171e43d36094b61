// How good concepts are.
#include "demo.hpp"

namespace {

TEST(Metrics, OneExplainerAndSeveral)
{
    const auto one = eidos::compare({demo().explainer}, demo().activations);
    for (const char *name : {"\"format\": \"eidos.metrics\"", "\"fraction_of_variance_unexplained\"", "\"l0\": 4.0", "\"coherence\": null"})
        EXPECT_NE(one.find(name), std::string::npos) << name << " in " << one;
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

} // namespace
