// The demo model and what was made with it once, for the tests that only read.
#pragma once

#include <eidos.hpp>

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

inline const std::string split = "model.layers.2.mlp";

inline const std::vector<std::string> texts = {
    "a warm and funny film , with a great cast .",
    "the plot is dull and the jokes are worse",
    "An unforgettable score; the actors carry every scene.",
    "too long by half, but the ending is moving",
    "what a waste of two hours",
    "",
    "one of the best documentaries of the year!",
    "the sequel is bigger, louder and emptier",
    "She plays the mother with quiet strength.",
    "children will love the talking dog, the caf\xc3\xa9 and the zo\xc3\xab",
};

/// Everything from the model to the meaning, made of one another.
struct Chain {
    eidos::SplitModel model = eidos::SplitModel::load("eidos:demo", split);
    eidos::Activations activations = model.activations(texts);
    eidos::Explainer explainer = fit(activations);
    eidos::Interpretation meaning = eidos::interpret_top_inputs(explainer, activations);

    static eidos::Explainer fit(const eidos::Activations &activations)
    {
        eidos::IcaOptions options;
        options.concept_count = 4;
        return eidos::fit_ica(activations, options);
    }
};

/// The chain that all tests share; main.cpp drops it at the end and counts handles.
inline std::unique_ptr<Chain> &shared_demo()
{
    static std::unique_ptr<Chain> chain;
    return chain;
}

inline const Chain &demo()
{
    if (!shared_demo())
        shared_demo() = std::make_unique<Chain>();
    return *shared_demo();
}

/// A folder for one test.
class TemporaryFolder {
public:
    TemporaryFolder() : path_(std::filesystem::temp_directory_path() / ("eidos-cpp-" + std::to_string(unique())))
    {
        std::filesystem::create_directories(path_);
    }
    TemporaryFolder(const TemporaryFolder &) = delete;
    TemporaryFolder &operator=(const TemporaryFolder &) = delete;
    ~TemporaryFolder() { std::filesystem::remove_all(path_); }

    std::filesystem::path operator/(const char *name) const { return path_ / name; }

private:
    std::size_t unique() const { return reinterpret_cast<std::size_t>(this); }
    std::filesystem::path path_;
};

/// The error that `call` throws; a failure of the test when it throws none.
template <class Call> eidos::Error error_of(Call &&call)
{
    try {
        static_cast<void>(std::forward<Call>(call)());
    } catch (const eidos::Error &error) {
        EXPECT_NE(error.message(), "");
        return error;
    }
    ADD_FAILURE() << "nothing was thrown";
    return eidos::Error(eidos::Status::ok, "nothing was thrown");
}

/// `call` must throw an eidos::Error of that status.
#define EXPECT_STATUS(expected, call) EXPECT_EQ(error_of([&] { return call; }).status(), eidos::Status::expected)

namespace eidos {
/// For messages of failing tests.
inline void PrintTo(Status status, std::ostream *out) { *out << name(status); }
inline void PrintTo(Stage stage, std::ostream *out) { *out << name(stage); }
} // namespace eidos
