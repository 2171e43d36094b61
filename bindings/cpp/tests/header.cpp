// The binding and eidos.h: nothing is missing, and options arrive.
#include "demo.hpp"

#include <cstring>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

namespace {

std::string read(const std::filesystem::path &path)
{
    std::ifstream file(path);
    EXPECT_TRUE(file) << path;
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

/// All source of the binding.
std::string binding()
{
    std::string source;
    for (const auto &entry : std::filesystem::recursive_directory_iterator(EIDOS_ROOT "/bindings/cpp/include"))
        if (entry.is_regular_file())
            source += read(entry.path());
    return source;
}

TEST(Header, EveryFunctionIsBound)
{
    const std::string source = binding();
    const std::regex word(R"(\beidos_\w+\b)");
    std::set<std::string> used(std::sregex_token_iterator(source.begin(), source.end(), word), {});
    // Texts are copied, a control is passed by reference, and programs that link no library look up functions by hand.
    used.insert({"eidos_api", "eidos_control_retain", "eidos_texts_retain"});
    std::istringstream exported(read(EIDOS_ROOT "/tests/abi/symbols.txt"));
    std::size_t count = 0;
    for (std::string name; exported >> name; count++)
        EXPECT_EQ(used.count(name), 1u) << name << " of eidos.h is missing in the binding";
    EXPECT_GE(count, 80u);
}

/// Expects that options which nobody set are those that the library's init function writes, byte by byte.
template <class Options, class Struct> void expect_defaults(eidos_status (*init)(Struct *, std::size_t))
{
    const Options options;
    const Struct found = eidos::detail::to_c(options);
    const Struct expected = eidos::detail::defaults(init);
    EXPECT_EQ(std::memcmp(&found, &expected, sizeof found), 0);
}

TEST(Header, DefaultsAreTheLibrarys)
{
    expect_defaults<eidos::TextsOptions>(eidos_texts_options_init);
    expect_defaults<eidos::LoadOptions>(eidos_load_options_init);
    expect_defaults<eidos::ActivationsOptions>(eidos_activations_options_init);
    expect_defaults<eidos::InputsOptions>(eidos_inputs_options_init);
    expect_defaults<eidos::LogitsOptions>(eidos_logits_options_init);
    expect_defaults<eidos::IcaOptions>(eidos_ica_options_init);
    expect_defaults<eidos::TopInputsOptions>(eidos_top_inputs_options_init);
    expect_defaults<eidos::ExplainOptions>(eidos_explain_options_init);
    expect_defaults<eidos::ChatOptions>(eidos_chat_options_init);
    expect_defaults<eidos::LlmLabelsOptions>(eidos_llm_labels_options_init);
    EXPECT_TRUE(eidos::IcaOptions().tolerance == 1e-4 && eidos::IcaOptions().canonical_signs);
    EXPECT_EQ(eidos::ChatOptions().token_budget, UINT64_MAX);
}

TEST(Header, EveryOptionArrives)
{
    eidos::TextsOptions texts;
    texts.format = eidos::TextFormat::json_lines;
    texts.field = "f", texts.most_texts = 3, texts.keep_empty = true;
    const auto c_texts = eidos::detail::to_c(texts);
    EXPECT_EQ(c_texts.format, static_cast<std::uint32_t>(EIDOS_TEXT_FORMAT_JSON_LINES));
    EXPECT_EQ(std::string(c_texts.field), "f");
    EXPECT_EQ(c_texts.most_texts, 3u);
    EXPECT_EQ(c_texts.keep_empty, 1u);

    eidos::LoadOptions load;
    load.head = eidos::Head::masked_lm;
    load.device = eidos::Device::cuda;
    load.device_index = 3;
    load.network = eidos::Network::offline;
    load.revision = "r", load.token = "t", load.cache_folder = "c", load.endpoint = "e";
    const auto c_load = eidos::detail::to_c(load);
    EXPECT_EQ(c_load.struct_size, sizeof c_load);
    EXPECT_EQ(c_load.head, static_cast<std::uint32_t>(EIDOS_HEAD_MASKED_LM));
    EXPECT_EQ(c_load.device, static_cast<std::uint32_t>(EIDOS_DEVICE_CUDA));
    EXPECT_EQ(c_load.device_index, 3u);
    EXPECT_EQ(c_load.network, static_cast<std::uint32_t>(EIDOS_NETWORK_OFFLINE));
    EXPECT_EQ(std::string(c_load.revision) + c_load.token + c_load.cache_folder + c_load.endpoint, "rtce");

    eidos::ActivationsOptions collect;
    collect.granularity = eidos::Granularity::cls_token;
    collect.aggregation = eidos::Aggregation::last;
    collect.threads = 1, collect.batch_tokens = 2, collect.memory_limit = 3, collect.shard_bytes = 4;
    collect.folder = std::filesystem::path("f").string();
    const auto c_collect = eidos::detail::to_c(collect);
    EXPECT_EQ(c_collect.granularity, static_cast<std::uint32_t>(EIDOS_GRANULARITY_CLS_TOKEN));
    EXPECT_EQ(c_collect.aggregation, static_cast<std::uint32_t>(EIDOS_AGGREGATION_LAST));
    EXPECT_EQ(c_collect.threads, 1u);
    EXPECT_EQ(c_collect.batch_tokens * 100 + c_collect.memory_limit * 10 + c_collect.shard_bytes, 234u);
    EXPECT_STREQ(c_collect.folder, "f");
    EXPECT_EQ(c_collect.device_batch_tokens, 16384u);
    EXPECT_EQ(c_collect.keep_on_device, 0u);
    collect.word_rule = eidos::WordRule::unicode;
    collect.stop_contractions = true;
    collect.device_batch_tokens = 5;
    collect.keep_on_device = true;
    collect.stop_units = {"the", "of"};
    const auto c_words = eidos::detail::to_c(collect);
    EXPECT_EQ(c_words.word_rule, static_cast<std::uint32_t>(EIDOS_WORD_RULE_UNICODE));
    EXPECT_EQ(c_words.stop_contractions, 1u);
    EXPECT_EQ(c_words.device_batch_tokens, 5u);
    EXPECT_EQ(c_words.keep_on_device, 1u);
    ASSERT_EQ(c_words.stop_unit_count, 2u);
    EXPECT_STREQ(c_words.stop_units[1], "of");

    eidos::IcaOptions ica;
    ica.concept_count = 1, ica.max_iterations = 2, ica.seed = 3, ica.threads = 4;
    ica.algorithm = eidos::IcaAlgorithm::deflation, ica.contrast = eidos::Contrast::cube;
    ica.alpha = 1.5, ica.tolerance = 0.25, ica.canonical_signs = false;
    const auto c_ica = eidos::detail::to_c(ica);
    EXPECT_EQ(c_ica.concept_count * 1000 + c_ica.max_iterations * 100 + c_ica.seed * 10 + c_ica.threads, 1234u);
    EXPECT_EQ(c_ica.algorithm, static_cast<std::uint32_t>(EIDOS_ICA_DEFLATION));
    EXPECT_EQ(c_ica.contrast, static_cast<std::uint32_t>(EIDOS_CONTRAST_CUBE));
    EXPECT_TRUE(c_ica.alpha == 1.5 && c_ica.tolerance == 0.25 && c_ica.canonical_signs == 0);

    eidos::TopInputsOptions top;
    top.k = 7, top.concepts = {2, 0}, top.negative_pole = true;
    const auto c_top = eidos::detail::to_c(top);
    EXPECT_TRUE(c_top.k == 7 && c_top.concept_count == 2 && c_top.concepts[0] == 2 && c_top.negative_pole == 1);

    eidos::ExplainOptions explain;
    explain.k = 7, explain.least_deviations = 0.5, explain.negative_pole = true, explain.threads = 3;
    const auto c_explain = eidos::detail::to_c(explain);
    EXPECT_TRUE(c_explain.k == 7 && c_explain.least_deviations == 0.5 && c_explain.negative_pole == 1 && c_explain.threads == 3);
}

TEST(Header, EveryOptionOfLabelsArrives)
{
    eidos::ChatOptions chat;
    chat.model = "m", chat.base_url = "b", chat.api_key = "k", chat.cache_folder = "c";
    chat.max_tokens = 1, chat.timeout_seconds = 2, chat.retries = 3, chat.parallel_requests = 4;
    chat.temperature = 0.5, chat.request_budget = 5, chat.token_budget = 6;
    auto c_chat = eidos::detail::to_c(chat);
    EXPECT_EQ(std::string(c_chat.model) + c_chat.base_url + c_chat.api_key + c_chat.cache_folder, "mbkc");
    EXPECT_EQ(c_chat.max_tokens * 10 + c_chat.timeout_seconds, 12u);
    EXPECT_EQ(c_chat.retries * 10 + c_chat.parallel_requests, 34u);
    EXPECT_TRUE(c_chat.temperature == 0.5 && c_chat.request_budget == 5 && c_chat.token_budget == 6);
    chat.api_key = "", chat.temperature = std::nullopt;
    c_chat = eidos::detail::to_c(chat);
    EXPECT_STREQ(c_chat.api_key, "") << "no key is not the key of the environment";
    EXPECT_LT(c_chat.temperature, 0);

    eidos::LlmLabelsOptions labels;
    labels.concepts = {2, 0}, labels.negative_pole = true, labels.sampling = eidos::Sampling::quantile;
    labels.example_count = 1, labels.context = 2, labels.quantile_count = 3, labels.seed = 4, labels.score_passages = 5;
    labels.score_passages_per_request = 6, labels.score_threshold = 0.75, labels.system_prompt = "s", labels.dry_run = true;
    const auto c_labels = eidos::detail::to_c(labels);
    EXPECT_TRUE(c_labels.concept_count == 2 && c_labels.concepts[0] == 2 && c_labels.negative_pole == 1);
    EXPECT_EQ(c_labels.sampling, static_cast<std::uint32_t>(EIDOS_SAMPLING_QUANTILE));
    EXPECT_EQ(c_labels.example_count * 10 + c_labels.context, 12u);
    EXPECT_EQ(c_labels.quantile_count * 10 + c_labels.seed, 34u);
    EXPECT_EQ(c_labels.score_passages * 10 + c_labels.score_passages_per_request, 56u);
    EXPECT_TRUE(c_labels.score_threshold == 0.75 && c_labels.dry_run == 1);
    EXPECT_STREQ(c_labels.system_prompt, "s");
}

TEST(Header, VersionsAreThoseOfTheHeader)
{
    EXPECT_EQ(eidos::abi_version(), static_cast<std::uint32_t>(EIDOS_ABI_VERSION));
    EXPECT_EQ(eidos::version(), std::to_string(EIDOS_VERSION_MAJOR) + "." + std::to_string(EIDOS_VERSION_MINOR) + "." +
                                    std::to_string(EIDOS_VERSION_PATCH));
}

} // namespace
