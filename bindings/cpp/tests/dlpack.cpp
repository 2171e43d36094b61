// Tensors of other libraries, without a copy.
#include "demo.hpp"

// The parts of dlpack.h 1.0 that the binding uses, with its names and layout; Debian's package is older.
extern "C" {
struct DLPackVersion {
    std::uint32_t major, minor;
};
struct DLDevice {
    std::int32_t device_type, device_id;
};
struct DLDataType {
    std::uint8_t code, bits;
    std::uint16_t lanes;
};
struct DLTensor {
    void *data;
    DLDevice device;
    std::int32_t ndim;
    DLDataType dtype;
    std::int64_t *shape, *strides;
    std::uint64_t byte_offset;
};
struct DLManagedTensorVersioned {
    DLPackVersion version;
    void *manager_ctx;
    void (*deleter)(DLManagedTensorVersioned *self);
    std::uint64_t flags;
    DLTensor dl_tensor;
};
}

#include <eidos/dlpack.hpp>

namespace {

/// A tensor of three rows of two, whose deleter counts.
struct Tensor {
    float values[6] = {1, 2, 3, 4, 5, 6};
    std::int64_t shape[2] = {3, 2};
    int deleted = 0;
    DLManagedTensorVersioned managed = {
        {1, 0}, this, count, 0, {values, {1, 0}, 2, {2, 32, 1}, shape, nullptr, 0}};

    static void count(DLManagedTensorVersioned *self) { static_cast<Tensor *>(self->manager_ctx)->deleted++; }
    eidos::DLPackTensor take() { return eidos::DLPackTensor(&managed); }
};

TEST(DLPack, TensorsComeAndGoWithoutACopy)
{
    Tensor tensor;
    eidos::DLPackTensor exported;
    {
        const auto activations = eidos::from_dlpack(tensor.take(), {"a", "b", "c"});
        EXPECT_EQ(activations.rows().data(), tensor.values);
        EXPECT_EQ(activations.unit(2), "c");
        exported = eidos::to_dlpack(activations);
        EXPECT_EQ(exported->dl_tensor.data, tensor.values);
        EXPECT_EQ(exported->dl_tensor.shape[0], 3);
    }
    EXPECT_EQ(tensor.deleted, 0) << "the exported tensor still needs the memory";
    exported.reset();
    EXPECT_EQ(tensor.deleted, 1);
}

TEST(DLPack, ARefusedTensorIsDeletedOnce)
{
    const auto refused = [](void (*spoil)(Tensor &), const eidos::StringArgs &units = {}) {
        Tensor tensor;
        spoil(tensor);
        EXPECT_STATUS(invalid_argument, eidos::from_dlpack(tensor.take(), units));
        EXPECT_EQ(tensor.deleted, 1);
    };
    refused([](Tensor &tensor) { tensor.managed.dl_tensor.dtype.bits = 64; });
    refused([](Tensor &tensor) { tensor.managed.dl_tensor.device.device_type = 10; }); // ROCm
    refused([](Tensor &tensor) { tensor.managed.dl_tensor.ndim = 1; }, {"a"});
    refused([](Tensor &tensor) { tensor.managed.version.major = 2; }, {"a"});
    refused([](Tensor &tensor) { tensor.managed.dl_tensor.shape = nullptr; }, {"a"});
    refused([](Tensor &tensor) { tensor.shape[0] = -1; }, {"a"});
    refused([](Tensor &) {}, {"one text for three rows"});
    Tensor elsewhere;
    elsewhere.managed.dl_tensor.device = {2, 99}; // a GPU that no machine has
    EXPECT_STATUS(device, eidos::from_dlpack(elsewhere.take()));
    EXPECT_EQ(elsewhere.deleted, 1);
    EXPECT_STATUS(invalid_argument, eidos::from_dlpack(nullptr));
    EXPECT_STATUS(invalid_argument, eidos::from_dlpack(nullptr, {"a"}));
}

TEST(DLPack, SeveralShardsAreNoTensor)
{
    const TemporaryFolder folder;
    eidos::ActivationsOptions options;
    options.folder = (folder / "shards").string();
    options.shard_bytes = 1 << 14;
    EXPECT_STATUS(invalid_argument, eidos::to_dlpack(demo().model.activations(texts, options)));
}

} // namespace
