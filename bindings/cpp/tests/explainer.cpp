// Fitting concepts, and encoding and decoding with them.
#include "demo.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>
#include <stdexcept>

namespace {

TEST(Explainer, KnowsWhatItIs)
{
    const eidos::Explainer &explainer = demo().explainer;
    EXPECT_EQ(explainer.concept_count(), 4u);
    EXPECT_EQ(explainer.input_width(), demo().activations.column_count());
    EXPECT_EQ(explainer.method(), "ica");
    const auto report = explainer.fit_report();
    EXPECT_GE(report.measures.at("last_change").at(0), 0);
    EXPECT_EQ(explainer.model(), "eidos:demo");
    EXPECT_EQ(explainer.split_point(), split);
    EXPECT_GT(report.steps, 0u);
}

TEST(Explainer, NotConvergingIsAResult)
{
    eidos::IcaOptions options;
    options.concept_count = 4;
    options.max_iterations = 1;
    const auto explainer = eidos::fit_ica(demo().activations, options);
    EXPECT_NE(explainer.options().find("\"max_iterations\":1,"), std::string::npos);
    const auto report = explainer.fit_report();
    EXPECT_FALSE(report.converged);
    EXPECT_EQ(report.steps, 1u);
    EXPECT_GT(report.measures.at("last_change").at(0), 0);
}

TEST(Explainer, PrincipalComponentsSayHowMuchEachExplains)
{
    eidos::PcaOptions options;
    options.concept_count = 3;
    const auto plain = eidos::fit_pca(demo().activations, options);
    options.whiten = true;
    const auto whitened = eidos::fit_pca(demo().activations, options);
    EXPECT_EQ(plain.method(), "pca");
    const auto report = plain.fit_report();
    EXPECT_TRUE(report.converged);
    EXPECT_EQ(report.measures.count("noise_variance") + report.measures.count("explained_variance_ratio"), 2u);
    const std::vector<double> &variances = report.measures.at("explained_variance");
    ASSERT_EQ(variances.size(), 3u);
    EXPECT_TRUE(std::is_sorted(variances.rbegin(), variances.rend()));
    const auto row = demo().activations.copy_rows(0, 1);
    const auto codes = plain.encode(row), unit = whitened.encode(row);
    for (std::size_t index = 0; index < 3; index++) {
        const double deviation = std::sqrt(variances[index]);
        EXPECT_NEAR(codes.row(0)[index], deviation * unit.row(0)[index], 1e-3 * deviation);
    }
    options.concept_count = 1000;
    EXPECT_THROW(static_cast<void>(eidos::fit_pca(demo().activations, options)), eidos::Error);
}

TEST(Explainer, EncodesActivationsWhereverTheyLie)
{
    const eidos::Explainer &explainer = demo().explainer;
    const auto expected = explainer.encode(demo().activations.rows());
    const TemporaryFolder folder;
    eidos::ActivationsOptions options;
    options.folder = (folder / "rows").string();
    options.shard_bytes = 1; // a shard for each batch
    options.batch_tokens = 1;
    const auto on_disk = demo().model.activations(texts, options);
    ASSERT_LT(on_disk.run(0).row_count(), on_disk.row_count());
    const auto codes = explainer.encode(on_disk), in_memory = explainer.encode(demo().activations);
    ASSERT_EQ(codes.values().size(), expected.values().size());
    EXPECT_TRUE(std::equal(codes.values().begin(), codes.values().end(), expected.values().begin()));
    EXPECT_TRUE(std::equal(in_memory.values().begin(), in_memory.values().end(), expected.values().begin()));
    EXPECT_STATUS(mismatch, explainer.encode(eidos::Activations::from_rows({std::vector<float>{1, 2}, 2})));
}

TEST(Explainer, DecompositionsFindWhatTheyPromise)
{
    const auto &rows = demo().activations;
    const auto row = rows.copy_rows(0, 1);
    eidos::SvdOptions svd;
    svd.concept_count = 3;
    EXPECT_EQ(eidos::fit_svd(rows, svd).fit_report().measures.at("singular_values").size(), 3u);
    eidos::KmeansOptions kmeans;
    kmeans.concept_count = 3;
    const auto hard = eidos::fit_kmeans(rows, kmeans);
    const auto sizes = hard.fit_report().measures.at("cluster_sizes");
    EXPECT_EQ(std::accumulate(sizes.begin(), sizes.end(), 0.0), static_cast<double>(rows.row_count()));
    kmeans.codes = eidos::KmeansCode::soft;
    const auto soft = eidos::fit_kmeans(rows, kmeans);
    for (const eidos::Explainer *explainer : {&hard, &soft}) {
        const auto codes = explainer->encode(row);
        EXPECT_NEAR(codes.row(0)[0] + codes.row(0)[1] + codes.row(0)[2], 1.0, 1e-6);
    }
    const auto neurons = eidos::fit_neurons(rows);
    EXPECT_EQ(neurons.concept_count(), rows.column_count());
    EXPECT_EQ(neurons.encode(row)(0, 1), row(0, 1));
    eidos::RandomDirectionsOptions random;
    random.concept_count = 4;
    random.seed = 1;
    EXPECT_EQ(eidos::fit_random_directions(rows, random).method(), "random_directions");
    eidos::SparsePcaOptions sparse;
    sparse.concept_count = 2;
    sparse.penalty = 5;
    EXPECT_EQ(eidos::fit_sparse_pca(rows, sparse).fit_report().measures.at("nonzero_columns").size(), 2u);
    eidos::NmfOptions nmf;
    nmf.concept_count = 2;
    nmf.max_iterations = 3;
    EXPECT_THROW(static_cast<void>(eidos::fit_nmf(rows, nmf)), eidos::Error);
    nmf.rectify = true;
    EXPECT_GE(eidos::fit_nmf(rows, nmf).encode(row)(0, 0), 0);
    eidos::SemiNmfOptions semi;
    semi.concept_count = 3;
    semi.max_iterations = 3;
    EXPECT_GE(eidos::fit_semi_nmf(rows, semi).encode(row)(0, 0), 0);
    eidos::ConvexNmfOptions convex;
    convex.concept_count = 3;
    convex.max_iterations = 3;
    EXPECT_GE(eidos::fit_convex_nmf(rows, convex).encode(row)(0, 0), 0);
    eidos::DictionaryLearningOptions learning;
    learning.concept_count = 3;
    learning.max_iterations = 3;
    EXPECT_LT(eidos::fit_dictionary_learning(rows, learning).fit_report().measures.at("relative_error").at(0), 1);
    kmeans.concept_count = 0;
    EXPECT_THROW(static_cast<void>(eidos::fit_kmeans(rows, kmeans)), eidos::Error);
}

TEST(Explainer, SparseAutoencodersAndTranscodersReconstructRowsFromFewCodes)
{
    eidos::SaeOptions options;
    options.concept_count = 64;
    options.kind = eidos::SaeKind::top_k;
    options.k = 4;
    options.steps = 200;
    options.batch_rows = 64;
    const auto sae = eidos::fit_sae(demo().activations, options);
    EXPECT_EQ(sae.method(), "sae");
    const auto report = sae.fit_report();
    EXPECT_EQ(report.measures.size(), 5u);
    EXPECT_LE(report.measures.at("l0").at(0), 4.0);
    const auto rows = demo().activations.copy_rows(0, 10);
    const auto codes = sae.encode(rows), rebuilt = sae.reconstruct(rows), decoded = sae.decode(codes);
    EXPECT_LE(std::count_if(codes.values().begin(), codes.values().end(), [](float code) { return code != 0; }), 40);
    EXPECT_TRUE(std::equal(rebuilt.values().begin(), rebuilt.values().end(), decoded.values().begin()));
    const auto transcoder = eidos::fit_transcoder(demo().activations, demo().activations, options);
    EXPECT_EQ(transcoder.output_width(), sae.input_width());
    options.steps = 20;
    eidos::ActivationsOptions collecting;
    collecting.granularity = eidos::Granularity::token;
    const auto on_rows = eidos::fit_sae(demo().model.activations(texts, collecting), options);
    const auto on_texts = eidos::fit_sae(demo().model, texts, options, collecting);
    const auto wanted = on_rows.dictionary(), found = on_texts.dictionary();
    EXPECT_TRUE(std::equal(found.values().begin(), found.values().end(), wanted.values().begin(), wanted.values().end()));
    const auto given = eidos::fit_transcoder(demo().model, texts, options, collecting, 0, 0);
    EXPECT_EQ(given.output_width(), sae.input_width());
    EXPECT_THROW(static_cast<void>(eidos::fit_transcoder(demo().model, texts, options, collecting)), eidos::Error);
    EXPECT_THROW(static_cast<void>(eidos::fit_sae(demo().model, texts, options, collecting, 1)), eidos::Error);
    options.k = 65;
    EXPECT_THROW(static_cast<void>(eidos::fit_sae(demo().activations, options)), eidos::Error);
}

TEST(Explainer, EncodesAndDecodes)
{
    // As many concepts as columns lose nothing.
    const std::vector<float> rows = {1, 2, 0, -1, 3, 1, 9, 0, 2, 5, -4, 1, 0, 0, 7, 2};
    const auto activations = eidos::Activations::from_rows({rows, 2});
    eidos::IcaOptions options;
    options.concept_count = 2;
    const auto explainer = eidos::fit_ica(activations, options);
    const auto codes = explainer.encode(activations.rows());
    EXPECT_EQ(codes.row_count(), 8u);
    EXPECT_EQ(codes.column_count(), 2u);
    const auto decoded = explainer.decode(codes);
    for (std::size_t index = 0; index < rows.size(); index++)
        EXPECT_NEAR(decoded.values()[index], rows[index], 1e-4);

    std::vector<float> into(16);
    explainer.encode_into(activations.rows(), into);
    EXPECT_TRUE(std::equal(into.begin(), into.end(), codes.values().begin()));
    explainer.decode_into(codes, into);
    EXPECT_TRUE(std::equal(into.begin(), into.end(), decoded.values().begin()));
    EXPECT_EQ(explainer.encode({eidos::Span<const float>(), 2}).row_count(), 0u);
}

TEST(Explainer, TheDictionaryIsAView)
{
    const eidos::Explainer &explainer = demo().explainer;
    const auto dictionary = explainer.dictionary();
    EXPECT_EQ(dictionary.row_count(), explainer.concept_count());
    EXPECT_EQ(dictionary.column_count(), explainer.input_width());
    EXPECT_EQ(dictionary.data(), explainer.dictionary().data());
    // Decoding one concept adds its row of the dictionary.
    eidos::Matrix codes(2, 4);
    codes.values()[4 + 1] = 1;
    const auto rows = explainer.decode(codes);
    for (std::size_t column = 0; column < dictionary.column_count(); column++)
        EXPECT_NEAR(rows(1, column) - rows(0, column), dictionary(1, column), 1e-5);
}

TEST(Explainer, OptionsMatter)
{
    eidos::IcaOptions options;
    options.concept_count = 4;
    const auto dictionary_of = [&] {
        const auto explainer = eidos::fit_ica(demo().activations, options);
        const auto values = explainer.dictionary().values();
        return std::vector<float>(values.begin(), values.end());
    };
    const auto same = demo().explainer.dictionary().values();
    const auto first = dictionary_of();
    EXPECT_TRUE(std::equal(first.begin(), first.end(), same.begin())) << "the same input gives the same bits";
    options.seed = 7;
    EXPECT_NE(dictionary_of(), first);
    options.seed = 0;
    options.contrast = eidos::Contrast::cube;
    EXPECT_NE(dictionary_of(), first);
    options.contrast = eidos::Contrast::logcosh;
    options.algorithm = eidos::IcaAlgorithm::deflation;
    EXPECT_NE(dictionary_of(), first);
    options.algorithm = eidos::IcaAlgorithm::parallel;
    options.solver = eidos::IcaSolver::picard_o;
    const auto measures = eidos::fit_ica(demo().activations, options).fit_report().measures;
    EXPECT_EQ(measures.count("gradient_norm") + measures.count("passes"), 2u);
}

TEST(Explainer, CodesOfActivationsInMemoryAndInAFile)
{
    const TemporaryFolder folder;
    const auto codes = demo().explainer.encode(demo().activations);
    EXPECT_EQ(codes.row_count(), demo().activations.row_count());
    demo().explainer.save_codes(folder / "codes.npy", demo().activations);
    std::ifstream file(std::filesystem::path(folder / "codes.npy"), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    const auto values = codes.values();
    ASSERT_GT(bytes.size(), values.size() * sizeof(float));
    EXPECT_EQ(std::memcmp(bytes.data() + bytes.size() - values.size() * sizeof(float), values.data(), values.size() * sizeof(float)), 0);
    const auto sparse = demo().explainer.encode_sparse(demo().activations);
    ASSERT_EQ(sparse.starts.size(), codes.row_count() + 1);
    std::vector<float> dense(values.size());
    for (std::size_t row = 0; row < codes.row_count(); ++row)
        for (std::size_t at = sparse.starts[row]; at < sparse.starts[row + 1]; ++at)
            dense[row * codes.column_count() + sparse.concepts[at]] = sparse.values[at];
    EXPECT_TRUE(std::equal(dense.begin(), dense.end(), values.begin()));
    EXPECT_STATUS(invalid_argument, demo().explainer.save_codes(folder / "codes", demo().activations));
    eidos::EncodeOptions options;
    options.format = eidos::CodesFormat::npz;
    demo().explainer.save_codes(folder / "codes", demo().activations, options);
    EXPECT_TRUE(std::filesystem::exists(folder / "codes"));
}

TEST(Explainer, SaveAndOpen)
{
    const TemporaryFolder folder;
    demo().explainer.save(folder / "explainer.safetensors");
    const auto opened = eidos::Explainer::open(folder / "explainer.safetensors");
    EXPECT_EQ(opened.concept_count(), 4u);
    EXPECT_EQ(opened.split_point(), split);
    const auto left = opened.dictionary().values(), right = demo().explainer.dictionary().values();
    EXPECT_TRUE(std::equal(left.begin(), left.end(), right.begin(), right.end()));
}

TEST(Explainer, ADictionaryOfOnesOwn)
{
    const std::vector<float> dictionary = {1, 0, 0, 2, 1, 1}, encoder = {1, 0, 0, 0.5f, 1, 1};
    const std::vector<float> bias = {0, 0.5f, -1}, offset = {10, 20}, row = {9, 22};
    const eidos::MatrixView matrix(dictionary, 2);
    const auto own = eidos::Explainer::from_dictionary(matrix, {encoder, 2}, bias, offset, true);
    EXPECT_EQ(own.method(), "dictionary");
    const auto codes = own.encode({row, 2});
    EXPECT_EQ(std::vector<float>(codes.values().begin(), codes.values().end()), (std::vector<float>{0, 1.5f, 0}));
    const auto back = own.decode(codes);
    EXPECT_EQ(std::vector<float>(back.values().begin(), back.values().end()), (std::vector<float>{10, 23}));
    EXPECT_THROW(static_cast<void>(eidos::Explainer::from_dictionary(matrix, {}, row)), eidos::Error);
}

TEST(Explainer, AnAutoencoderOfOnesOwnIsSavedForOthersAndOpened)
{
    const std::vector<float> dictionary = {1, 0, 0, 1, 0.5f, 0.5f}, thresholds = {0.5f, 0, 2}, row = {1, 2};
    const eidos::MatrixView matrix(dictionary, 2);
    const auto codes = [&row](const eidos::Explainer &explainer) {
        const auto found = explainer.encode({row, 2});
        return std::vector<float>(found.values().begin(), found.values().end());
    };
    const auto largest = eidos::Explainer::from_autoencoder(matrix, eidos::Activation::top_k, 1);
    EXPECT_EQ(codes(largest), (std::vector<float>{0, 2, 0}));
    const auto above = eidos::Explainer::from_autoencoder(matrix, eidos::Activation::jump_relu, 0, thresholds);
    EXPECT_EQ(codes(above), (std::vector<float>{1, 2, 0}));
    EXPECT_THROW(static_cast<void>(eidos::Explainer::from_autoencoder(matrix, eidos::Activation::jump_relu)), eidos::Error);
    EXPECT_THROW(static_cast<void>(eidos::Explainer::from_autoencoder(matrix, eidos::Activation::relu, 1)), eidos::Error);
    const TemporaryFolder folder;
    above.save_as(folder / "sae", eidos::DictionaryFormat::sae_lens);
    eidos::PublishedOptions options;
    options.split_point = "model.layers.1";
    const auto opened = eidos::Explainer::open_published(folder / "sae", options);
    EXPECT_EQ(codes(opened), codes(above));
    EXPECT_EQ(opened.split_point(), "model.layers.1");
    above.save_as(folder / "one.safetensors", eidos::DictionaryFormat::safetensors);
    EXPECT_EQ(codes(eidos::Explainer::open(folder / "one.safetensors")), codes(above));
    EXPECT_STATUS(not_found, eidos::Explainer::open_published("./no/such/folder"));
}

TEST(Explainer, SumsOverProcessesGoThroughAFunction)
{
    eidos::IcaOptions options;
    options.concept_count = 3, options.max_iterations = 5;
    const auto alone = eidos::fit_ica(demo().activations, options);
    std::size_t sums = 0;
    const auto spread = demo().activations.spread([&sums](eidos::Span<double> values) { sums += values.size() > 0; });
    const auto other = eidos::fit_ica(spread, options);
    EXPECT_GT(sums, 2u);
    EXPECT_TRUE(std::equal(alone.dictionary().values().begin(), alone.dictionary().values().end(),
                           other.dictionary().values().begin()));

    const auto broken = demo().activations.spread([](eidos::Span<double>) { throw std::runtime_error("the network is gone"); });
    try {
        static_cast<void>(eidos::fit_ica(broken, options));
        FAIL() << "a sum that throws ends the fit";
    } catch (const eidos::Error &error) {
        EXPECT_EQ(error.status(), eidos::Status::io);
    }
    EXPECT_THROW(static_cast<void>(demo().activations.spread({})), eidos::Error);
}

} // namespace
