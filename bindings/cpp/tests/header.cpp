// The binding and eidos.h: nothing is missing, and the structs lie as the library lays them.
#include "demo.hpp"

#include <cstddef>
#include <cstring>
#include <fstream>
#include <map>
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

std::set<std::string> matches(const std::string &text, const char *pattern)
{
    std::set<std::string> found;
    const std::regex regex(pattern);
    for (std::sregex_iterator match(text.begin(), text.end(), regex), end; match != end; ++match)
        found.insert((*match)[1]);
    return found;
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

/// eidos.h without its comments.
std::string declarations()
{
    return std::regex_replace(read(EIDOS_ROOT "/include/eidos.h"), std::regex(R"(/\*[^*]*\*+([^/*][^*]*\*+)*/)"), "");
}

void expect_all_used(const std::set<std::string> &names, std::size_t at_least)
{
    EXPECT_GE(names.size(), at_least);
    const std::set<std::string> used = matches(binding(), R"(\b(eidos_\w+|EIDOS_\w+)\b)");
    for (const std::string &name : names)
        EXPECT_EQ(used.count(name), 1u) << name << " of eidos.h is missing in the binding";
}

TEST(Header, EveryFunctionIsBound) { expect_all_used(matches(declarations(), R"(\b(eidos_[a-z0-9_]+)\()"), 80); }

TEST(Header, EveryConstantIsBound)
{
    std::set<std::string> constants = matches(declarations(), R"(#define (EIDOS_[A-Z0-9_]+) )");
    for (const char *of_the_header : {"EIDOS_VERSION_MAJOR", "EIDOS_VERSION_MINOR", "EIDOS_VERSION_PATCH"})
        constants.erase(of_the_header); // eidos::version() asks the library
    expect_all_used(constants, 50);
}

using Fields = std::map<std::string, std::size_t>;

/// `"name": {"size": 32, "field": 0, ...}`, as the library's own test wrote it.
std::map<std::string, Fields> layout_of_the_library()
{
    const std::string json = read(EIDOS_ROOT "/tests/abi/layout.json");
    const std::regex one_struct(R"re("(\w+)": \{([^}]*)\})re"), one_field(R"re("(\w+)": (\d+))re");
    std::map<std::string, Fields> result;
    for (std::sregex_iterator match(json.begin(), json.end(), one_struct), end; match != end; ++match) {
        const std::string fields = (*match)[2];
        for (std::sregex_iterator field(fields.begin(), fields.end(), one_field); field != end; ++field)
            result[(*match)[1]][(*field)[1]] = std::stoul((*field)[2]);
    }
    return result;
}

#define FIELD(type, field) {#field, offsetof(type, field)}

TEST(Header, StructsLieAsTheLibraryLaysThem)
{
    const std::map<std::string, Fields> here = {
        {"eidos_progress",
         {{"size", sizeof(eidos_progress)},
          FIELD(eidos_progress, stage),
          FIELD(eidos_progress, reserved),
          FIELD(eidos_progress, done),
          FIELD(eidos_progress, total),
          FIELD(eidos_progress, elapsed_seconds)}},
        {"eidos_texts_options",
         {{"size", sizeof(eidos_texts_options)},
          FIELD(eidos_texts_options, struct_size),
          FIELD(eidos_texts_options, format),
          FIELD(eidos_texts_options, field),
          FIELD(eidos_texts_options, most_texts),
          FIELD(eidos_texts_options, keep_empty),
          FIELD(eidos_texts_options, reserved)}},
        {"eidos_load_options",
         {{"size", sizeof(eidos_load_options)},
          FIELD(eidos_load_options, struct_size),
          FIELD(eidos_load_options, head),
          FIELD(eidos_load_options, device),
          FIELD(eidos_load_options, device_index),
          FIELD(eidos_load_options, network),
          FIELD(eidos_load_options, whole),
          FIELD(eidos_load_options, revision),
          FIELD(eidos_load_options, token),
          FIELD(eidos_load_options, cache_folder),
          FIELD(eidos_load_options, endpoint),
          FIELD(eidos_load_options, copy),
          FIELD(eidos_load_options, reserved)}},
        {"eidos_activations_options",
         {{"size", sizeof(eidos_activations_options)},
          FIELD(eidos_activations_options, struct_size),
          FIELD(eidos_activations_options, granularity),
          FIELD(eidos_activations_options, aggregation),
          FIELD(eidos_activations_options, threads),
          FIELD(eidos_activations_options, batch_tokens),
          FIELD(eidos_activations_options, memory_limit),
          FIELD(eidos_activations_options, shard_bytes),
          FIELD(eidos_activations_options, folder),
          FIELD(eidos_activations_options, word_rule),
          FIELD(eidos_activations_options, stop_contractions),
          FIELD(eidos_activations_options, stop_units),
          FIELD(eidos_activations_options, stop_unit_count)}},
        {"eidos_logits_options",
         {{"size", sizeof(eidos_logits_options)},
          FIELD(eidos_logits_options, struct_size),
          FIELD(eidos_logits_options, threads),
          FIELD(eidos_logits_options, batch_tokens),
          FIELD(eidos_logits_options, memory_limit)}},
        {"eidos_fit_report",
         {{"size", sizeof(eidos_fit_report)},
          FIELD(eidos_fit_report, converged),
          FIELD(eidos_fit_report, iterations),
          FIELD(eidos_fit_report, last_change)}},
        {"eidos_ica_options",
         {{"size", sizeof(eidos_ica_options)},
          FIELD(eidos_ica_options, struct_size),
          FIELD(eidos_ica_options, concept_count),
          FIELD(eidos_ica_options, algorithm),
          FIELD(eidos_ica_options, contrast),
          FIELD(eidos_ica_options, alpha),
          FIELD(eidos_ica_options, tolerance),
          FIELD(eidos_ica_options, max_iterations),
          FIELD(eidos_ica_options, seed),
          FIELD(eidos_ica_options, raw_signs),
          FIELD(eidos_ica_options, threads)}},
        {"eidos_top_inputs_options",
         {{"size", sizeof(eidos_top_inputs_options)},
          FIELD(eidos_top_inputs_options, struct_size),
          FIELD(eidos_top_inputs_options, negative_pole),
          FIELD(eidos_top_inputs_options, k),
          FIELD(eidos_top_inputs_options, concepts),
          FIELD(eidos_top_inputs_options, concept_count)}},
        {"eidos_chat_request",
         {{"size", sizeof(eidos_chat_request)},
          FIELD(eidos_chat_request, struct_size),
          FIELD(eidos_chat_request, max_tokens),
          FIELD(eidos_chat_request, system_prompt),
          FIELD(eidos_chat_request, system_prompt_len),
          FIELD(eidos_chat_request, user_prompt),
          FIELD(eidos_chat_request, user_prompt_len),
          FIELD(eidos_chat_request, json_schema),
          FIELD(eidos_chat_request, json_schema_len)}},
        {"eidos_chat_options",
         {{"size", sizeof(eidos_chat_options)},
          FIELD(eidos_chat_options, struct_size),
          FIELD(eidos_chat_options, max_tokens),
          FIELD(eidos_chat_options, model),
          FIELD(eidos_chat_options, base_url),
          FIELD(eidos_chat_options, api_key),
          FIELD(eidos_chat_options, cache_folder),
          FIELD(eidos_chat_options, timeout_seconds),
          FIELD(eidos_chat_options, retries),
          FIELD(eidos_chat_options, parallel_requests),
          FIELD(eidos_chat_options, reserved),
          FIELD(eidos_chat_options, temperature),
          FIELD(eidos_chat_options, request_budget),
          FIELD(eidos_chat_options, token_budget),
          FIELD(eidos_chat_options, callback),
          FIELD(eidos_chat_options, user_data)}},
        {"eidos_llm_labels_options",
         {{"size", sizeof(eidos_llm_labels_options)},
          FIELD(eidos_llm_labels_options, struct_size),
          FIELD(eidos_llm_labels_options, negative_pole),
          FIELD(eidos_llm_labels_options, concepts),
          FIELD(eidos_llm_labels_options, concept_count),
          FIELD(eidos_llm_labels_options, sampling),
          FIELD(eidos_llm_labels_options, example_count),
          FIELD(eidos_llm_labels_options, context),
          FIELD(eidos_llm_labels_options, quantile_count),
          FIELD(eidos_llm_labels_options, seed),
          FIELD(eidos_llm_labels_options, score_passages),
          FIELD(eidos_llm_labels_options, score_passages_per_request),
          FIELD(eidos_llm_labels_options, dry_run),
          FIELD(eidos_llm_labels_options, score_threshold),
          FIELD(eidos_llm_labels_options, system_prompt)}},
        {"eidos_label_usage",
         {{"size", sizeof(eidos_label_usage)},
          FIELD(eidos_label_usage, requests),
          FIELD(eidos_label_usage, cached),
          FIELD(eidos_label_usage, prompt_tokens),
          FIELD(eidos_label_usage, completion_tokens),
          FIELD(eidos_label_usage, unreported),
          FIELD(eidos_label_usage, dry_run)}},
    };
    EXPECT_EQ(here, layout_of_the_library());
}

TEST(Header, DefaultsAreTheLibrarys)
{
    // Where the binding names a default instead of leaving it zero, it is the one that zero stands for.
    const eidos::LoadOptions load_options;
    const auto load = eidos::detail::to_c(load_options);
    EXPECT_EQ(load.head + load.device + load.device_index + load.network, 0u);
    EXPECT_TRUE(!load.revision && !load.token && !load.cache_folder && !load.endpoint);

    const eidos::TextsOptions texts_options;
    const auto texts = eidos::detail::to_c(texts_options);
    const auto texts_default = eidos::detail::defaults(eidos_texts_options_init);
    EXPECT_EQ(std::memcmp(&texts, &texts_default, sizeof texts), 0);

    const eidos::ActivationsOptions collect_options;
    eidos_activations_options collect = eidos::detail::to_c(collect_options);
    EXPECT_EQ(collect.granularity, static_cast<std::uint32_t>(EIDOS_GRANULARITY_WORD));
    EXPECT_EQ(collect.aggregation, static_cast<std::uint32_t>(EIDOS_AGGREGATION_MEAN));
    EXPECT_EQ(collect.word_rule, static_cast<std::uint32_t>(EIDOS_WORD_RULE_AUTO));
    collect.granularity = collect.aggregation = collect.word_rule = 0;
    const auto collect_default = eidos::detail::defaults(eidos_activations_options_init);
    EXPECT_EQ(std::memcmp(&collect, &collect_default, sizeof collect), 0);

    eidos_ica_options ica = eidos::detail::to_c(eidos::IcaOptions());
    EXPECT_EQ(ica.algorithm, static_cast<std::uint32_t>(EIDOS_ICA_PARALLEL));
    EXPECT_EQ(ica.contrast, static_cast<std::uint32_t>(EIDOS_CONTRAST_LOGCOSH));
    ica.algorithm = ica.contrast = 0;
    const auto ica_default = eidos::detail::defaults(eidos_ica_options_init);
    EXPECT_EQ(std::memcmp(&ica, &ica_default, sizeof ica), 0);

    const eidos::TopInputsOptions top_options;
    const auto top = eidos::detail::to_c(top_options);
    const auto top_default = eidos::detail::defaults(eidos_top_inputs_options_init);
    EXPECT_EQ(std::memcmp(&top, &top_default, sizeof top), 0);

    const eidos::ChatOptions chat_options;
    const auto chat = eidos::detail::to_c(chat_options);
    const auto chat_default = eidos::detail::defaults(eidos_chat_options_init);
    EXPECT_EQ(std::memcmp(&chat, &chat_default, sizeof chat), 0);

    const eidos::LlmLabelsOptions labels_options;
    auto labels = eidos::detail::to_c(labels_options);
    EXPECT_EQ(labels.sampling, static_cast<std::uint32_t>(EIDOS_SAMPLING_TOP));
    labels.sampling = 0;
    const auto labels_default = eidos::detail::defaults(eidos_llm_labels_options_init);
    EXPECT_EQ(std::memcmp(&labels, &labels_default, sizeof labels), 0);
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
    collect.word_rule = eidos::WordRule::unicode;
    collect.stop_contractions = true;
    collect.stop_units = {"the", "of"};
    const auto c_words = eidos::detail::to_c(collect);
    EXPECT_EQ(c_words.word_rule, static_cast<std::uint32_t>(EIDOS_WORD_RULE_UNICODE));
    EXPECT_EQ(c_words.stop_contractions, 1u);
    ASSERT_EQ(c_words.stop_unit_count, 2u);
    EXPECT_STREQ(c_words.stop_units[1], "of");

    eidos::IcaOptions ica;
    ica.concept_count = 1, ica.max_iterations = 2, ica.seed = 3, ica.threads = 4;
    ica.algorithm = eidos::IcaAlgorithm::deflation, ica.contrast = eidos::Contrast::cube;
    ica.alpha = 1.5, ica.tolerance = 0.25, ica.raw_signs = true;
    const auto c_ica = eidos::detail::to_c(ica);
    EXPECT_EQ(c_ica.concept_count * 1000 + c_ica.max_iterations * 100 + c_ica.seed * 10 + c_ica.threads, 1234u);
    EXPECT_EQ(c_ica.algorithm, static_cast<std::uint32_t>(EIDOS_ICA_DEFLATION));
    EXPECT_EQ(c_ica.contrast, static_cast<std::uint32_t>(EIDOS_CONTRAST_CUBE));
    EXPECT_TRUE(c_ica.alpha == 1.5 && c_ica.tolerance == 0.25 && c_ica.raw_signs == 1);

    eidos::TopInputsOptions top;
    top.k = 7, top.concepts = {2, 0}, top.negative_pole = true;
    const auto c_top = eidos::detail::to_c(top);
    EXPECT_TRUE(c_top.k == 7 && c_top.concept_count == 2 && c_top.concepts[0] == 2 && c_top.negative_pole == 1);
}

TEST(Header, EveryOptionOfLabelsArrives)
{
    eidos::ChatOptions chat;
    chat.model = "m", chat.base_url = "b", chat.api_key = "k", chat.cache_folder = "c";
    chat.max_tokens = 1, chat.timeout_seconds = 2, chat.retries = 3, chat.parallel_requests = 4;
    chat.temperature = 0.5, chat.request_budget = 5, chat.token_budget = 6;
    chat.answer = [](const eidos::ChatRequest &) { return ""; };
    auto c_chat = eidos::detail::to_c(chat);
    EXPECT_EQ(std::string(c_chat.model) + c_chat.base_url + c_chat.api_key + c_chat.cache_folder, "mbkc");
    EXPECT_EQ(c_chat.max_tokens * 10 + c_chat.timeout_seconds, 12u);
    EXPECT_EQ(c_chat.retries * 10 + c_chat.parallel_requests, 34u);
    EXPECT_TRUE(c_chat.temperature == 0.5 && c_chat.request_budget == 5 && c_chat.token_budget == 6);
    EXPECT_TRUE(c_chat.callback && c_chat.user_data == &chat.answer);
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
