// Loading models and reading their modules.
#include "demo.hpp"

#include <algorithm>

namespace {

TEST(SplitModel, ListsItsModulesWithoutWeights)
{
    const auto tree = eidos::SplitModel::load("eidos:demo");
    const auto modules = tree.modules();
    ASSERT_GT(modules.size(), 50u);
    EXPECT_EQ(modules.front().path, "");
    const auto found = std::find_if(modules.begin(), modules.end(), [](const auto &module) { return module.path == split; });
    ASSERT_NE(found, modules.end());
    EXPECT_TRUE(found->can_split);
    EXPECT_EQ(found->width, 192u);
    EXPECT_EQ(found->cost, 0.75);
    EXPECT_EQ(std::count_if(modules.begin(), modules.end(), [](const auto &module) { return module.is_recommended; }), 4);
    EXPECT_NE(found->kind, "");
    EXPECT_TRUE(std::any_of(modules.begin(), modules.end(), [](const auto &module) { return !module.can_split; }));
    EXPECT_TRUE(tree.split_points().empty());
    EXPECT_EQ(tree.name(), "eidos:demo");
    EXPECT_EQ(tree.family(), "eurobert");
    EXPECT_EQ(tree.products(), "");
    EXPECT_FALSE(demo().model.products().empty());
    EXPECT_EQ(tree.vocabulary_size(), 6000u);
    EXPECT_EQ(tree.max_positions(), 512u);
    EXPECT_EQ(tree.weight_bytes(), 0u);
    EXPECT_GT(demo().model.weight_bytes(), 1000000u);
}

TEST(SplitModel, KnowsItsSplitPoints)
{
    const auto model = eidos::SplitModel::load("eidos:demo", {"2", "model.layers.0.mlp"});
    const auto points = model.split_points();
    ASSERT_EQ(points.size(), 2u);
    EXPECT_EQ(points[0].path, "model.layers.2");
    EXPECT_EQ(points[1].path, "model.layers.0.mlp");
    EXPECT_GT(points[0].width, 0u);

    const auto all = model.activations_per_split_point(texts);
    ASSERT_EQ(all.size(), 2u);
    for (std::size_t index = 0; index < 2; index++) {
        EXPECT_EQ(all[index].split_point(), points[index].path);
        EXPECT_EQ(all[index].column_count(), points[index].width);
    }
    EXPECT_STATUS(invalid_argument, model.activations(texts));
    EXPECT_STATUS(invalid_argument, model.stream_activations(texts));
    EXPECT_EQ(model.stream_activations_per_split_point(texts).size(), 2u);
    EXPECT_STATUS(invalid_argument, eidos::SplitModel::load("eidos:demo").activations(texts));
}

TEST(SplitModel, SplitPointsAreNumbersToo)
{
    EXPECT_EQ(eidos::SplitModel::load("eidos:demo", 2).split_points().at(0).path, "model.layers.2");
    EXPECT_EQ(eidos::SplitModel::load("eidos:demo", 0).split_points().at(0).path, "model.layers.0");
    const auto both = eidos::SplitModel::load("eidos:demo", {1, split}).split_points();
    ASSERT_EQ(both.size(), 2u);
    EXPECT_EQ(both[0].path + " " + both[1].path, "model.layers.1 " + split);
    const std::vector<std::size_t> blocks = {0, 3};
    EXPECT_EQ(eidos::SplitModel::load("eidos:demo", blocks).split_points().at(1).path, "model.layers.3");
    EXPECT_STATUS(unknown_module, eidos::SplitModel::load("eidos:demo", 4));
    EXPECT_EQ(eidos::SplitModel::load("eidos:demo", -1).split_points().at(0).path, "model.layers.3"); // from the end
}

TEST(SplitModel, LoadsAFolder)
{
    eidos::LoadOptions options;
    options.network = eidos::Network::offline;
    options.head = eidos::Head::base;
    const std::filesystem::path folder = EIDOS_ROOT "/assets/demo-model";
    const auto modules = eidos::SplitModel::load(folder, {}, options).modules();
    EXPECT_LT(modules.size(), eidos::SplitModel::load(folder).modules().size()) << "a base model has no head";
}

TEST(SplitModel, RunsItsVocabulary)
{
    const auto entries = demo().model.inputs_from_vocabulary();
    const auto vocabulary = demo().model.activations(entries);
    EXPECT_EQ(vocabulary.row_count(), demo().model.vocabulary_size());
    EXPECT_EQ(vocabulary.unit(100), entries.text(100));
}

} // namespace
