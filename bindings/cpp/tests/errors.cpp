// Failures arrive as eidos::Error with all that the library says; wrong calls never crash.
#include "demo.hpp"

#include <limits>
#include <type_traits>

namespace {

TEST(Errors, TellStatusMessageHintAndDetails)
{
    const auto error = error_of([] { return eidos::SplitModel::load("eidos:demo", "model.layer.1.mlp"); });
    EXPECT_EQ(error.status(), eidos::Status::unknown_module);
    EXPECT_NE(error.message().find("model.layer.1.mlp"), std::string::npos);
    EXPECT_NE(error.hint(), "");
    EXPECT_EQ(error.what(), error.message() + " (" + error.hint() + ")");

    const auto nan = error_of([] {
        const std::vector<float> rows = {1, 2, 3, std::numeric_limits<float>::quiet_NaN(), 5, 6, 7, 9};
        eidos::IcaOptions options;
        options.concept_count = 1;
        return eidos::fit_ica(eidos::Activations::from_rows({rows, 2}), options);
    });
    EXPECT_EQ(nan.status(), eidos::Status::invalid_data);
    ASSERT_FALSE(nan.details().empty());
    for (const auto &detail : nan.details())
        EXPECT_EQ(nan.detail(detail.key), detail.value);
    EXPECT_EQ(nan.detail("row"), "1");
    EXPECT_EQ(nan.detail("no such fact"), std::nullopt);
}

TEST(Errors, AreExceptionsThatCopyWithoutThrowing)
{
    static_assert(std::is_base_of_v<std::exception, eidos::Error>);
    static_assert(std::is_base_of_v<eidos::Error, eidos::Cancelled>);
    static_assert(std::is_nothrow_copy_constructible_v<eidos::Error>);
    EXPECT_STREQ(eidos::Error(eidos::Status::io, "the disk is full").what(), "the disk is full");
}

TEST(Errors, StatusesHaveNames)
{
    EXPECT_EQ(name(eidos::Status::invalid_argument), "invalid_argument");
    EXPECT_EQ(name(eidos::Status::internal), "internal");
    EXPECT_EQ(name(eidos::Status::unusable_answer), "unusable_answer");
    EXPECT_EQ(name(eidos::Status::budget_exhausted), "budget_exhausted");
    EXPECT_EQ(name(eidos::Status::busy), "busy");
    EXPECT_EQ(name(static_cast<eidos::Status>(99)), "unknown");
}

TEST(Errors, OptionsThatCannotBeInitialisedSayTheStatus)
{
    const auto refuse = [](eidos_ica_options *, std::size_t) -> eidos_status { return EIDOS_INVALID_ARGUMENT; };
    const auto error = error_of([&] { return eidos::detail::defaults<eidos_ica_options>(refuse); });
    EXPECT_EQ(error.message(), "invalid_argument");
}

TEST(Errors, AMovedFromObjectThrows)
{
    Chain chain;
    const eidos::SplitModel model = std::move(chain.model);
    const eidos::Activations activations = std::move(chain.activations);
    const eidos::Explainer explainer = std::move(chain.explainer);
    const eidos::Interpretation meaning = std::move(chain.meaning);
    EXPECT_STATUS(invalid_handle, chain.model.name());
    EXPECT_STATUS(invalid_handle, chain.model.modules());
    EXPECT_STATUS(invalid_handle, chain.model.activations(texts));
    EXPECT_STATUS(invalid_handle, chain.activations.row_count());
    EXPECT_STATUS(invalid_handle, chain.activations.rows());
    EXPECT_STATUS(invalid_handle, chain.explainer.dictionary());
    EXPECT_STATUS(invalid_handle, chain.meaning.concepts());
    EXPECT_STATUS(invalid_handle, Chain::fit(chain.activations));
    EXPECT_STATUS(invalid_handle, eidos::interpret_top_inputs(chain.explainer, activations));

    eidos::Control control;
    const eidos::Control moved = std::move(control);
    EXPECT_STATUS(invalid_handle, control.progress());
    EXPECT_STATUS(invalid_handle, model.activations(texts, {}, control));
    control.cancel(); // nothing to cancel
    EXPECT_FALSE(moved.is_cancelled());
    EXPECT_EQ(activations.rows().row_count(), demo().activations.row_count());
}

TEST(Errors, WrongArgumentsThrow)
{
    const eidos::SplitModel &model = demo().model;
    const eidos::Activations &activations = demo().activations;
    const eidos::Explainer &explainer = demo().explainer;
    const char *null = nullptr;
    EXPECT_STATUS(invalid_argument, eidos::SplitModel::load(null));
    EXPECT_STATUS(invalid_argument, eidos::SplitModel::load("eidos:demo", {null}));
    EXPECT_STATUS(not_found, eidos::SplitModel::load("/no/such/folder", split));
    EXPECT_STATUS(invalid_argument, model.activations({"caf\xe9"}));
    EXPECT_STATUS(invalid_argument, model.activations({"a", null}));

    eidos::ActivationsOptions options;
    options.granularity = static_cast<eidos::Granularity>(77);
    EXPECT_STATUS(invalid_argument, model.activations(texts, options));
    options.granularity = eidos::Granularity::word;
    options.folder = std::string("a\0b", 3);
    EXPECT_STATUS(invalid_argument, model.activations(texts, options));

    EXPECT_STATUS(invalid_argument, activations.rows(0, activations.row_count() + 1));
    EXPECT_STATUS(invalid_argument, activations.rows(std::numeric_limits<std::size_t>::max(), 2));
    EXPECT_STATUS(invalid_argument, activations.copy_rows(activations.row_count(), 1));
    EXPECT_STATUS(invalid_argument, activations.copy_rows(0, std::numeric_limits<std::size_t>::max()));
    std::vector<float> too_small(1);
    EXPECT_STATUS(invalid_argument, activations.copy_rows_into(0, 1, too_small));
    EXPECT_STATUS(invalid_argument, activations.unit(activations.row_count()));
    EXPECT_STATUS(invalid_argument, activations.unit_span(activations.row_count()));
    EXPECT_STATUS(invalid_argument, activations.text(texts.size()));
    EXPECT_STATUS(not_found, eidos::Activations::open("/no/such/folder"));

    EXPECT_STATUS(invalid_argument, eidos::fit_ica(activations, {}));
    eidos::IcaOptions ica;
    ica.concept_count = 1000000;
    EXPECT_STATUS(invalid_argument, eidos::fit_ica(activations, ica));
    ica.concept_count = 2;
    ica.alpha = std::numeric_limits<double>::quiet_NaN();
    EXPECT_STATUS(invalid_argument, eidos::fit_ica(activations, ica));

    const std::vector<float> row(3);
    EXPECT_STATUS(mismatch, explainer.encode({row, 3}));
    EXPECT_STATUS(mismatch, explainer.decode({row, 3}));
    EXPECT_STATUS(invalid_argument, explainer.encode_into(activations.rows(), too_small));
    EXPECT_STATUS(invalid_argument, explainer.encode({nullptr, 1, explainer.input_width()}));
    EXPECT_STATUS(not_found, eidos::Explainer::open("/no/such/file"));
    EXPECT_STATUS(not_found, eidos::Interpretation::open("/no/such/file"));

    eidos::TopInputsOptions top;
    top.k = 0;
    EXPECT_STATUS(invalid_argument, eidos::interpret_top_inputs(explainer, activations, top));
    top.k = 1;
    top.concepts = {4};
    EXPECT_STATUS(invalid_argument, eidos::interpret_top_inputs(explainer, activations, top));
    EXPECT_STATUS(invalid_argument, demo().meaning.at(4));
    const auto tree = eidos::SplitModel::load("eidos:demo");
    EXPECT_STATUS(mismatch, eidos::interpret_top_inputs(explainer, tree, texts));
}

TEST(Errors, DamagedFilesThrow)
{
    const TemporaryFolder folder;
    const auto path = folder / "explainer.safetensors";
    demo().explainer.save(path);
    std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
    EXPECT_STATUS(invalid_file, eidos::Explainer::open(path));
    EXPECT_STATUS(invalid_file, eidos::Interpretation::open(path));
    EXPECT_STATUS(not_found, demo().meaning.save(folder / "no such folder/meaning.json"));
}

TEST(Errors, AHandleOfAnotherTypeThrows)
{
    // Such a handle can only come from eidos.h; the library knows it by its tag.
    auto *other = reinterpret_cast<eidos_activations *>(demo().explainer.handle());
    eidos::Activations wrong(other);
    EXPECT_STATUS(invalid_handle, wrong.rows(0, 1));
    EXPECT_EQ(wrong.row_count(), 0u);
    EXPECT_EQ(wrong.release(), other);
}

} // namespace
