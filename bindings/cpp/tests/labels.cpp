// Labels for concepts, written by a language model: here a function of the test.
#include "demo.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <stdexcept>
#include <thread>

namespace {

using eidos::Chat;
using eidos::ChatAnswer;
using eidos::ChatModel;
using eidos::ChatOptions;
using eidos::ChatRequest;
using eidos::Interpretation;
using eidos::LlmLabelsOptions;
using eidos::Status;

bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

Chat model(ChatModel answer, const ChatOptions &options = {}) { return Chat(std::move(answer), options); }

Interpretation label(const Chat &chat, const LlmLabelsOptions &options = {}, const eidos::Control &control = {})
{
    return eidos::interpret_llm_labels(demo().explainer, demo().activations, chat, options, control);
}

/// What happens to the second concept when its answer throws `thrown`; the others must have their labels.
template <class Thrown> eidos::Error error_of_the_second(const Thrown &thrown)
{
    int asked = 0;
    const auto meaning = label(model([&](const ChatRequest &) {
        if (++asked == 2)
            throw thrown;
        return "a label";
    }));
    EXPECT_EQ(asked, 4) << "the others are asked for";
    for (const std::size_t index : {0u, 2u, 3u})
        EXPECT_EQ(meaning.at(index).positive_label->text, "a label");
    const auto second = meaning.at(1).positive_label.value();
    EXPECT_FALSE(second.text || second.score || second.prompt);
    return second.error.value();
}

TEST(Labels, AreWhatAFunctionAnswers)
{
    int asked = 0;
    const auto here = std::this_thread::get_id();
    const auto meaning = label(model([&](const ChatRequest &request) -> ChatAnswer {
        EXPECT_TRUE(has(request.system_prompt, "{\"label\": \"...\"}"));
        EXPECT_TRUE(has(request.user_prompt, "1. (10) "));
        EXPECT_TRUE(has(request.json_schema, "\"label\""));
        EXPECT_EQ(request.max_tokens, 1024u);
        EXPECT_EQ(std::this_thread::get_id(), here);
        return {"{\"label\": \"caf\xc3\xa9 " + std::to_string(asked++) + "\"}", eidos::ChatTokens{100, 5}};
    }));
    const auto concepts = meaning.concepts();
    ASSERT_EQ(concepts.size(), 4u);
    for (std::size_t index = 0; index < 4; index++) {
        EXPECT_EQ(concepts[index].concept_index, index);
        EXPECT_FALSE(concepts[index].positive.empty()) << "the examples that the model saw";
        ASSERT_TRUE(concepts[index].positive_label);
        EXPECT_EQ(concepts[index].positive_label->text, "caf\xc3\xa9 " + std::to_string(index));
        EXPECT_FALSE(concepts[index].positive_label->score || concepts[index].positive_label->error);
        EXPECT_FALSE(concepts[index].positive_label->prompt || concepts[index].negative_label);
    }
    const auto usage = meaning.label_usage();
    EXPECT_EQ(usage.requests, 4u);
    EXPECT_EQ(usage.prompt_tokens, 400u);
    EXPECT_EQ(usage.completion_tokens, 20u);
    EXPECT_TRUE(usage.cached == 0 && usage.unreported == 0 && !usage.dry_run);
}

TEST(Labels, ComeFromAnyString)
{
    EXPECT_EQ(label(model([](const ChatRequest &) { return "plain"; })).at(0).positive_label->text, "plain");
    EXPECT_EQ(label(model([](const ChatRequest &) { return std::string("own"); })).at(0).positive_label->text, "own");
    const auto view = [](const ChatRequest &) { return std::string_view("a viewpoint").substr(0, 6); };
    const auto meaning = label(model(view));
    EXPECT_EQ(meaning.at(0).positive_label->text, "a view");
    EXPECT_EQ(meaning.label_usage().unreported, 4u) << "nobody said what it cost";
}

TEST(Labels, WhereNobodyLabelled)
{
    EXPECT_FALSE(demo().meaning.at(0).positive_label || demo().meaning.at(0).negative_label);
    const auto usage = demo().meaning.label_usage();
    EXPECT_EQ(usage.requests + usage.cached + usage.prompt_tokens + usage.completion_tokens + usage.unreported, 0u);
}

TEST(Labels, OneThatFailsDoesNotLoseTheOthers)
{
    const auto error = error_of_the_second(eidos::Error(Status::network, "the model went to lunch", "wait"));
    EXPECT_EQ(error.status(), Status::network);
    EXPECT_TRUE(has(error.message(), "the model went to lunch (wait)")) << error.message();

    const auto standard = error_of_the_second(std::out_of_range("the list of answers is empty"));
    EXPECT_EQ(standard.status(), Status::unusable_answer);
    EXPECT_TRUE(has(standard.message(), "the list of answers is empty")) << standard.message();

    const auto other = error_of_the_second(42);
    EXPECT_EQ(other.status(), Status::unusable_answer);
    EXPECT_TRUE(has(other.message(), "not a std::exception")) << other.message();

    EXPECT_EQ(error_of_the_second(eidos::Error(Status::ok, "no error at all")).status(), Status::unusable_answer);
    EXPECT_EQ(error_of_the_second(eidos::Error(static_cast<Status>(99), "of later")).status(), Status::unusable_answer);
    EXPECT_EQ(error_of_the_second(eidos::Cancelled(Status::cancelled, "only this one")).status(), Status::cancelled);
    EXPECT_EQ(error_of_the_second(std::runtime_error("not UTF-8: \xff")).status(), Status::unusable_answer);
}

TEST(Labels, AnswersThatCannotBeUsedFail)
{
    for (const std::string answer : {"", "{\"label\": 7}", "\xff\xfe"}) {
        int asked = 0;
        const auto meaning = label(model([&](const ChatRequest &) { return asked++ ? "fine" : answer; }));
        EXPECT_FALSE(meaning.at(0).positive_label->text);
        EXPECT_TRUE(meaning.at(0).positive_label->error);
        EXPECT_EQ(meaning.at(1).positive_label->text, "fine");
    }
}

TEST(Labels, SomeErrorsStopAskingForMore)
{
    for (const Status status : {Status::access_denied, Status::not_found, Status::budget_exhausted}) {
        int asked = 0;
        const auto meaning = label(model([&](const ChatRequest &) {
            if (++asked == 2)
                throw eidos::Error(status, "no more");
            return "a label";
        }));
        EXPECT_EQ(asked, 2);
        EXPECT_EQ(meaning.at(0).positive_label->text, "a label");
        for (const std::size_t index : {1u, 2u, 3u})
            EXPECT_EQ(meaning.at(index).positive_label->error.value().status(), status);
    }
}

TEST(Labels, NoLabelAtAllThrows)
{
    const std::size_t before = eidos::debug_live_handles();
    const auto error = error_of([] {
        return label(model([](const ChatRequest &) -> ChatAnswer { throw std::runtime_error("out of ideas"); }));
    });
    EXPECT_EQ(error.status(), Status::unusable_answer);
    EXPECT_TRUE(has(error.message(), "out of ideas")) << error.message();
    EXPECT_EQ(eidos::debug_live_handles(), before);
}

TEST(Labels, CancellingKeepsWhatIsThere)
{
    const eidos::Control control;
    const auto meaning = label(model([&](const ChatRequest &) {
                                   control.cancel();
                                   return "the last one";
                               }),
                               {}, control);
    EXPECT_EQ(meaning.at(0).positive_label->text, "the last one");
    for (const std::size_t index : {1u, 2u, 3u})
        EXPECT_EQ(meaning.at(index).positive_label->error.value().status(), Status::cancelled);

    EXPECT_STATUS(cancelled, label(model([](const ChatRequest &) { return "never"; }), {}, control));
}

TEST(Labels, ProgressIsCountedInConcepts)
{
    std::vector<std::uint64_t> done;
    const eidos::Control control([&](const eidos::Progress &progress) {
        if (progress.stage != eidos::Stage::label)
            return;
        EXPECT_EQ(progress.total, 4u);
        done.push_back(progress.done);
    });
    static_cast<void>(label(model([](const ChatRequest &) { return "a label"; }), {}, control));
    EXPECT_TRUE(std::is_sorted(done.begin(), done.end()));
    ASSERT_FALSE(done.empty());
    EXPECT_EQ(done.back(), 4u);
    EXPECT_EQ(name(eidos::Stage::label), "label");
}

TEST(Labels, WhatTheProgressCallbackThrowsIsThrown)
{
    static_cast<void>(demo());
    const std::size_t before = eidos::debug_live_handles();
    {
        const eidos::Control control([](const eidos::Progress &progress) {
            if (progress.stage == eidos::Stage::label && progress.done > 0)
                throw std::domain_error("enough");
        });
        EXPECT_THROW(static_cast<void>(label(model([](const ChatRequest &) { return "a label"; }), {}, control)),
                     std::domain_error);
    }
    EXPECT_EQ(eidos::debug_live_handles(), before);
}

TEST(Labels, OfSomeConceptsAtBothPoles)
{
    LlmLabelsOptions options;
    options.concepts = {3, 1};
    options.negative_pole = true;
    options.example_count = 2;
    options.context = 0;
    options.sampling = eidos::Sampling::quantile;
    options.quantile_count = 2;
    options.system_prompt = "Name it.";
    int asked = 0;
    const auto meaning = label(model([&](const ChatRequest &request) {
                                   EXPECT_EQ(request.system_prompt, "Name it.");
                                   EXPECT_FALSE(has(request.user_prompt, "\n3. (")) << request.user_prompt;
                                   return "label " + std::to_string(asked++);
                               }),
                               options);
    ASSERT_EQ(meaning.concept_count(), 2u);
    EXPECT_EQ(meaning.at(0).concept_index, 3u);
    EXPECT_EQ(meaning.at(0).positive_label->text, "label 0");
    EXPECT_EQ(meaning.at(0).negative_label->text, "label 1");
    EXPECT_EQ(meaning.at(1).negative_label->text, "label 3");
    EXPECT_LT(meaning.at(1).negative.at(0).activation, 0);
}

TEST(Labels, AreScored)
{
    LlmLabelsOptions options;
    options.score_passages = 2;
    options.score_passages_per_request = 4;
    options.example_count = 3;
    options.context = 0;
    int judged = 0;
    const auto meaning = label(model([&](const ChatRequest &request) {
                                   if (!has(request.json_schema, "answers"))
                                       return "a label";
                                   judged++;
                                   return "[1, 1, 1, 1]"; // a model that finds that everything fits has judged nothing
                               }),
                               options);
    EXPECT_GT(judged, 0);
    int scored = 0;
    for (const auto &found : meaning.concepts()) {
        const eidos::Label &label = found.positive_label.value();
        EXPECT_EQ(label.text, "a label");
        EXPECT_NE(label.score.has_value(), label.error.has_value()) << "there is a score, or a reason";
        EXPECT_EQ(label.score.value_or(0.5), 0.5);
        scored += label.score.has_value();
    }
    EXPECT_GT(scored, 0);

    options.score_threshold = 2;
    EXPECT_STATUS(invalid_argument, label(model([](const ChatRequest &) { return "a label"; }), options));
}

TEST(Labels, ADryRunAsksNothing)
{
    LlmLabelsOptions options;
    options.dry_run = true;
    const auto meaning = label(model([](const ChatRequest &) {
                                   ADD_FAILURE() << "somebody was asked";
                                   return "";
                               }),
                               options);
    for (const auto &found : meaning.concepts()) {
        EXPECT_FALSE(found.positive_label->text || found.positive_label->error);
        EXPECT_TRUE(has(found.positive_label->prompt.value(), "1. (10) "));
    }
    EXPECT_TRUE(meaning.label_usage().dry_run);
    EXPECT_EQ(meaning.label_usage().requests, 4u);
    EXPECT_GT(meaning.label_usage().prompt_tokens, 100u);
}

TEST(Labels, TheCacheAnswersWhatWasAskedBefore)
{
    const TemporaryFolder folder;
    int asked = 0;
    const ChatModel answer = [&](const ChatRequest &) -> ChatAnswer {
        if (++asked == 2)
            throw eidos::Error(Status::network, "away");
        return "label " + std::to_string(asked);
    };
    ChatOptions options;
    options.cache_folder = (folder / "answers").string();
    EXPECT_STATUS(invalid_argument, model(answer, options)) << "the answers of which model?";
    options.model = "own";
    const Chat chat = model(answer, options);
    EXPECT_TRUE(label(chat).at(1).positive_label->error);
    EXPECT_EQ(asked, 4);
    const auto again = label(chat);
    EXPECT_EQ(asked, 5) << "only the concept that failed is asked for again";
    EXPECT_EQ(again.at(1).positive_label->text, "label 5");
    EXPECT_EQ(again.label_usage().cached, 3u);
    EXPECT_EQ(again.label_usage().requests, 1u);
}

TEST(Labels, TheBudgetIsKept)
{
    ChatOptions options;
    options.request_budget = 6;
    const auto answer = [](const ChatRequest &) { return ChatAnswer("a label", eidos::ChatTokens{100, 5}); };
    const Chat chat = model(answer, options);
    EXPECT_EQ(label(chat).label_usage().requests, 4u);
    EXPECT_EQ(chat.spent().requests_left, 2u);
    EXPECT_EQ(chat.spent().tokens_left, UINT64_MAX);
    const auto meaning = label(chat.share());
    EXPECT_EQ(meaning.at(1).positive_label->text, "a label");
    EXPECT_EQ(meaning.at(2).positive_label->error.value().status(), Status::budget_exhausted);
    EXPECT_EQ(meaning.label_usage().requests, 2u) << "of this call alone";
    const auto spent = chat.spent();
    EXPECT_TRUE(spent.requests == 6 && spent.prompt_tokens == 600 && spent.completion_tokens == 30);
    EXPECT_TRUE(spent.cached == 0 && spent.unreported == 0 && spent.requests_left == 0);
    EXPECT_STATUS(budget_exhausted, label(chat));
    options.token_budget = 1;
    EXPECT_STATUS(budget_exhausted, label(model(answer, options)));
}

TEST(Labels, TheFunctionLivesAsLongAsTheChat)
{
    static_cast<void>(demo());
    const std::size_t before = eidos::debug_live_handles();
    const auto held = std::make_shared<int>(0);
    {
        Chat chat([held](const ChatRequest &) { return "label " + std::to_string(++*held); });
        EXPECT_EQ(held.use_count(), 2);
        const Chat other = chat.share();
        static_cast<void>(label(std::move(chat)));
        chat = model([](const ChatRequest &) { return "another"; });
        EXPECT_EQ(held.use_count(), 2);
        EXPECT_EQ(label(other).at(0).positive_label->text, "label 5");
    }
    EXPECT_EQ(held.use_count(), 1);
    ChatOptions options;
    options.max_tokens = 0;
    EXPECT_STATUS(invalid_argument, model([held](const ChatRequest &) { return ""; }, options));
    EXPECT_EQ(held.use_count(), 1) << "also where there is no chat in the end";
    EXPECT_STATUS(invalid_argument, model(nullptr)) << "an empty function";
    EXPECT_EQ(eidos::debug_live_handles(), before);
}

TEST(Labels, AreInTheJsonAndTheFile)
{
    int asked = 0;
    ChatOptions options;
    options.model = "own";
    const auto meaning = label(model(
        [&](const ChatRequest &) -> ChatAnswer {
            if (asked++ == 1)
                throw std::runtime_error("away");
            return "a label";
        },
        options));
    EXPECT_TRUE(has(meaning.json(), "\"positive_label\":{\"text\":\"a label\"}"));
    EXPECT_TRUE(has(meaning.json(), "\"labelling\":{\"model\":\"own\""));

    const TemporaryFolder folder;
    meaning.save(folder / "labels.json");
    const auto opened = Interpretation::open(folder / "labels.json");
    EXPECT_EQ(opened.json(), meaning.json());
    EXPECT_EQ(opened.at(0).positive_label->text, "a label");
    EXPECT_EQ(opened.at(1).positive_label->error->status(), Status::unusable_answer);
    EXPECT_EQ(opened.at(1).positive_label->error->message(), meaning.at(1).positive_label->error->message());
    EXPECT_EQ(opened.label_usage().requests, 4u);
}

TEST(Labels, OfAServerThatIsNotThere)
{
    ChatOptions options;
    options.model = "m";
    options.base_url = "http://127.0.0.1:1/v1"; // nobody listens there
    options.api_key = "";
    options.retries = 1;
    const Chat chat(options);
    EXPECT_STATUS(network, label(chat));
    EXPECT_GT(chat.spent().requests, 1u);

    std::vector<eidos::LogMessage> messages;
    eidos::Control control;
    control.set_log(eidos::LogLevel::warning, [&](const eidos::LogMessage &message) { messages.push_back(message); });
    EXPECT_STATUS(network, label(chat, {}, control));
    ASSERT_FALSE(messages.empty());
    for (const auto &message : messages)
        EXPECT_TRUE(message.level == eidos::LogLevel::warning && message.target == "chat") << message.text;
    EXPECT_TRUE(has(messages.front().text, "trying again in 0.")) << messages.front().text;
}

TEST(Labels, WrongOptionsThrow)
{
    const auto answer = [](const ChatRequest &) { return "a label"; };
    const Chat chat(answer);
    EXPECT_STATUS(invalid_argument, Chat(ChatOptions())) << "neither a model nor a function";
    LlmLabelsOptions options;
    options.concepts = {4};
    EXPECT_STATUS(invalid_argument, label(chat, options));
    options.concepts = {};
    options.sampling = static_cast<eidos::Sampling>(99);
    EXPECT_STATUS(invalid_argument, label(chat, options));
    options.sampling = eidos::Sampling::top;
    options.system_prompt = std::string("a\0b", 3);
    EXPECT_STATUS(invalid_argument, label(chat, options));
    ChatOptions key;
    key.api_key = std::string("a\0b", 3);
    EXPECT_STATUS(invalid_argument, model(answer, key));
    const auto wide = eidos::Activations::from_rows({std::vector<float>{1, 2, 3, 4}, 2}, {"one", "two"});
    EXPECT_STATUS(mismatch, eidos::interpret_llm_labels(demo().explainer, wide, chat));

    auto moved = eidos::Activations::from_rows(demo().activations.rows(0, 2));
    const eidos::Activations there = std::move(moved);
    EXPECT_STATUS(invalid_handle, eidos::interpret_llm_labels(demo().explainer, moved, chat));
}

TEST(Labels, ManyThreadsAskAtOnce)
{
    static_cast<void>(demo());
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; thread++)
        threads.emplace_back([thread] {
            const std::string mine = "of thread " + std::to_string(thread);
            const auto meaning = label(model([&](const ChatRequest &) { return mine; }));
            for (const auto &found : meaning.concepts())
                EXPECT_EQ(found.positive_label->text, mine);
        });
    for (std::thread &thread : threads)
        thread.join();
}

TEST(Labels, ManyThreadsShareOneChat)
{
    static_cast<void>(demo());
    std::atomic<unsigned> asked = 0;
    const Chat chat([&](const ChatRequest &) { return "label " + std::to_string(asked++); });
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; thread++)
        threads.emplace_back([&] { EXPECT_EQ(label(chat).label_usage().requests, 4u); });
    for (std::thread &thread : threads)
        thread.join();
    EXPECT_TRUE(asked == 16 && chat.spent().requests == 16);
}

} // namespace
