// Reports.
#include "demo.hpp"

#include <fstream>
#include <iterator>

namespace {

std::string content(const std::filesystem::path &path)
{
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::size_t count(const std::string &page, const std::string &part)
{
    std::size_t found = 0;
    for (std::size_t at = page.find(part); at != std::string::npos; at = page.find(part, at + 1))
        found++;
    return found;
}

TEST(Report, APageHasWhatWasFoundAndAFileIsThePage)
{
    eidos::ReportOptions options;
    options.title = "A <title>", options.concepts_without_scripts = 3, options.texts = 2;
    const auto page = eidos::Report(demo().explainer).with(demo().meaning).with(demo().activations).html(options);
    EXPECT_EQ(page.rfind("<!doctype html>", 0), 0u);
    EXPECT_NE(page.find("<title>A &#60;title&#62;</title>"), std::string::npos);
    EXPECT_EQ(count(page, "<details class=\"concept\""), 3u);
    EXPECT_EQ(count(page, "<article class=\"text\""), 2u);
    const TemporaryFolder folder;
    eidos::Report(demo().explainer).with(demo().meaning).with(demo().activations).save((folder / "report.html").string(), options);
    EXPECT_EQ(content(folder / "report.html"), page);
}

TEST(Report, OfConceptsAloneAndOfAnExplanation)
{
    EXPECT_EQ(count(eidos::Report(demo().explainer).html(), "class=\"passages\""), 0u);
    const auto explanation = eidos::explain(demo().explainer, demo().model, texts);
    const auto page = eidos::Report(demo().explainer).with(explanation).html();
    EXPECT_EQ(count(page, "<article class=\"text\""), texts.size() - 1);
}

TEST(Report, FiguresAndTablesApart)
{
    const auto report = eidos::Report(demo().explainer).with(demo().meaning).with(demo().activations);
    EXPECT_EQ(count(report.map_svg(), "<circle"), 4u);
    const auto heat = report.heat_map_svg(1, 3);
    EXPECT_EQ(heat.rfind("<svg ", 0), 0u);
    EXPECT_EQ(count(heat, "<text text-anchor=\"end\""), 3u);
    EXPECT_STATUS(invalid_argument, report.heat_map_svg(texts.size()));
    const TemporaryFolder folder;
    demo().meaning.save_csv((folder / "meaning.csv").string());
    EXPECT_EQ(content(folder / "meaning.csv").rfind("concept,pole,label,score,rank,input,activation,row\r\n0,positive,,,1,\"", 0), 0u);
    report.save_codes_csv((folder / "codes.csv").string(), 2);
    EXPECT_EQ(content(folder / "codes.csv").rfind("row,text,begin,end,unit,concept,activation,deviations\r\n", 0), 0u);
    report.save_neuronpedia((folder / "batch-0.json").string());
    EXPECT_EQ(count(content(folder / "batch-0.json"), "\"feature_index\":"), 4u);
}

TEST(Report, WhatIsNotOfTheExplainerIsAnError)
{
    const std::vector<float> rows(12, 1.0f);
    const auto others = eidos::Activations::from_rows({rows.data(), 4, 3});
    EXPECT_STATUS(mismatch, static_cast<void>(eidos::Report(demo().explainer).with(others).html()));
    EXPECT_STATUS(not_found, eidos::Report(demo().explainer).save("/no/such/folder/report.html"));
}

} // namespace
