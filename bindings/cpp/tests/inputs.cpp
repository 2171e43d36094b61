// Texts as a model reads them, and texts that come one after the other.
#include "demo.hpp"

#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

namespace {

std::vector<float> values(const eidos::Activations &activations) { return activations.copy_rows().values(); }

TEST(Inputs, ServeForSeveralCalls)
{
    const auto inputs = demo().model.inputs(texts);
    EXPECT_EQ(inputs.text_count(), texts.size());
    EXPECT_EQ(inputs.text(1), texts[1]);
    EXPECT_STATUS(invalid_argument, inputs.text(texts.size()));
    EXPECT_EQ(values(demo().model.activations(inputs)), values(demo().activations));
    EXPECT_EQ(inputs.share().token_count(), inputs.token_count());
    EXPECT_EQ(inputs.truncated_count(), 0u);
    const auto ids = inputs.token_ids(4);
    EXPECT_EQ(demo().model.inputs_from_token_ids({ids}).token_ids(0), ids);
    EXPECT_EQ(demo().model.inputs_from_token_ids({ids}).text(0), std::nullopt);
    const auto other = eidos::SplitModel::load("eidos:demo", "1");
    EXPECT_GT(other.activations(inputs).row_count(), 0u) << "another module of a model with that tokenizer";
}

TEST(Inputs, HaveNulsAsTheyAre)
{
    const std::string nul("a\0b", 3);
    EXPECT_EQ(demo().model.inputs({"fine", nul}).text(1), nul);
    EXPECT_EQ(demo().model.activations(nul).text(0), nul);
    const TemporaryFolder folder;
    std::ofstream(folder / "texts.jsonl") << "{\"text\": \"a\\u0000b\"}\n";
    EXPECT_EQ(demo().model.inputs_from_file(folder / "texts.jsonl").text(0), nul);
}

TEST(Streams, GiveWhatTheirTextsAtOnceGive)
{
    EXPECT_EQ(values(demo().model.stream_activations(texts)), values(demo().activations));
    std::istringstream words("warm funny dull");
    using Words = std::istream_iterator<std::string>;
    struct Range {
        Words first;
        Words begin() const { return first; }
        Words end() const { return {}; }
    };
    EXPECT_EQ(values(demo().model.stream_activations(Range{Words(words)})),
              values(demo().model.activations({"warm", "funny", "dull"})));
    const std::vector<std::string> nul = {std::string("a\0b", 3)};
    EXPECT_EQ(demo().model.stream_activations(nul).text(0), nul[0]);
    EXPECT_STATUS(invalid_argument, demo().model.stream_activations(std::vector<std::string>()));
}

TEST(Streams, GoUnderInterventionsAsTheirTextsAtOnceDo)
{
    const auto direction = demo().activations.copy_rows(0, 1);
    eidos::Interventions steer;
    steer.add_direction(demo().activations.split_point(), direction.values(), 2);
    const auto steered = values(demo().model.activations(texts, steer));
    EXPECT_NE(steered, values(demo().activations));
    EXPECT_EQ(values(demo().model.stream_activations(texts, steer)), steered);
    EXPECT_EQ(demo().model.stream_activations_per_split_point(texts, steer).size(), 1u);
}

/// An input range that throws at its `fails_at`th text.
struct Failing {
    struct Iterator {
        using iterator_category = std::input_iterator_tag;
        using value_type = std::string;
        using difference_type = std::ptrdiff_t;
        using pointer = const std::string *;
        using reference = const std::string &;
        std::size_t index;
        std::size_t fails_at;
        const std::string &operator*() const
        {
            if (index == fails_at)
                throw std::out_of_range("the line is cut");
            return texts[index];
        }
        Iterator &operator++()
        {
            index++;
            return *this;
        }
        bool operator==(const Iterator &other) const { return index == other.index; }
        bool operator!=(const Iterator &other) const { return index != other.index; }
    };
    std::size_t fails_at;
    Iterator begin() const { return {0, fails_at}; }
    Iterator end() const { return {texts.size(), fails_at}; }
};

TEST(Streams, ThrowWhatTheRangeThrowsAndGoOnInTheirFolder)
{
    const TemporaryFolder folder;
    eidos::ActivationsOptions options;
    options.folder = (folder / "rows").string();
    options.shard_bytes = 4096;
    EXPECT_THROW((void)demo().model.stream_activations(Failing{8}, options), std::out_of_range);
    EXPECT_TRUE(std::filesystem::exists(folder / "rows" / "rows-00000.safetensors"));
    EXPECT_STATUS(invalid_file, eidos::Activations::open(folder / "rows"));
    EXPECT_EQ(values(demo().model.stream_activations(Failing{99}, options)), values(demo().activations));
    EXPECT_EQ(values(eidos::Activations::open(folder / "rows")), values(demo().activations));
    eidos::Control control;
    control.cancel();
    EXPECT_THROW((void)demo().model.stream_activations(texts, {}, control), eidos::Cancelled);
}

} // namespace
