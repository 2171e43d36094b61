// The features of the library, and the GPUs that it could use. Where there is none, which is where these tests run, the list
// is empty and the reason says what is missing.
#include "demo.hpp"

#include <algorithm>

namespace {

bool has_cuda()
{
    const std::vector<std::string> features = eidos::features();
    return std::find(features.begin(), features.end(), "cuda") != features.end();
}

TEST(Devices, FeaturesAreNamed)
{
    const std::vector<std::string> features = eidos::features();
    EXPECT_EQ(std::count(features.begin(), features.end(), "demo-model"), 1);
    EXPECT_EQ(std::count(features.begin(), features.end(), ""), 0);
}

TEST(Devices, TheListHasDevicesOrAReason)
{
    const eidos::Devices devices = eidos::list_devices();
    const bool usable = std::any_of(devices.gpus.begin(), devices.gpus.end(), [](const auto &gpu) { return !gpu.problem; });
    EXPECT_EQ(devices.reason.has_value(), !usable);
    EXPECT_EQ(devices.libraries.empty(), !has_cuda());
    if (!has_cuda()) {
        EXPECT_TRUE(devices.gpus.empty());
        EXPECT_NE(devices.reason.value_or("").find("no CUDA"), std::string::npos);
    }
    for (const auto &gpu : devices.gpus)
        EXPECT_TRUE(!gpu.name.empty() && (gpu.total_memory >= gpu.free_memory)) << gpu.index;
}

TEST(Devices, WhatIsMissingIsSaidWhereAGpuIsAskedFor)
{
    const eidos::Devices devices = eidos::list_devices();
    eidos::LoadOptions options;
    options.device = eidos::Device::cuda;
    options.device_index = static_cast<std::uint32_t>(devices.gpus.size());
    const eidos::Error error = error_of([&] { return eidos::SplitModel::load("eidos:demo", "model.layers.1.mlp", options); });
    EXPECT_EQ(error.status(), eidos::Status::device);
    EXPECT_NE(error.message().find("no CUDA device " + std::to_string(devices.gpus.size())), std::string::npos) << error.message();
    EXPECT_FALSE(error.hint().empty());
}

TEST(Devices, AutomaticIsTheCpuWhereNoGpuWorks)
{
    if (!eidos::list_devices().reason)
        GTEST_SKIP() << "there is a GPU";
    eidos::LoadOptions options;
    options.device = eidos::Device::automatic;
    const auto model = eidos::SplitModel::load("eidos:demo", "model.layers.1.mlp", options);
    const auto expected = eidos::SplitModel::load("eidos:demo", "model.layers.1.mlp");
    const auto first = model.activations(texts), second = expected.activations(texts);
    const auto ours = first.rows().values(), theirs = second.rows().values();
    EXPECT_TRUE(std::equal(ours.begin(), ours.end(), theirs.begin(), theirs.end()));
}

} // namespace
