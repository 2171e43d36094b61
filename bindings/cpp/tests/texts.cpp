// Reading files of texts.
#include "demo.hpp"

#include <fstream>

namespace {

using Texts = std::vector<std::string>;

std::filesystem::path write(const std::filesystem::path &path, const std::string &content)
{
    std::ofstream(path, std::ios::binary) << content;
    return path;
}

TEST(Texts, LineEndsAndAByteOrderMarkAreNoPartOfThem)
{
    const TemporaryFolder folder;
    const auto file = write(folder / "texts.txt", "\xef\xbb\xbf" "a warm film\r\n\r\n caf\xc3\xa9 ");
    EXPECT_EQ(eidos::read_texts(file), (Texts{"a warm film", " caf\xc3\xa9 "}));
    eidos::TextsOptions options;
    options.keep_empty = true;
    EXPECT_EQ(eidos::read_texts(file, options), (Texts{"a warm film", "", " caf\xc3\xa9 "}));
    options.most_texts = 2;
    EXPECT_EQ(eidos::read_texts(file, options), (Texts{"a warm film", ""}));
}

TEST(Texts, JsonLinesAreReadByTheirField)
{
    const TemporaryFolder folder;
    const auto file = write(folder / "texts.jsonl", "{\"text\": \"a\\u0000b\"}\n{\"text\": \"c\", \"sentence\": \"d\"}\n");
    EXPECT_EQ(eidos::read_texts(file), (Texts{std::string("a\0b", 3), "c"}));
    eidos::TextsOptions options;
    options.field = "sentence";
    const eidos::Error error = error_of([&] { return eidos::read_texts(file, options); });
    EXPECT_EQ(error.status(), eidos::Status::invalid_file);
    EXPECT_NE(error.message().find("line 1: there is no field `sentence`"), std::string::npos) << error.message();
    options.format = eidos::TextFormat::lines;
    EXPECT_EQ(eidos::read_texts(file, options).at(1), "{\"text\": \"c\", \"sentence\": \"d\"}");
}

TEST(Texts, WhatIsWrongIsSaid)
{
    const TemporaryFolder folder;
    EXPECT_STATUS(not_found, eidos::read_texts(folder / "missing.txt"));
    EXPECT_STATUS(invalid_file, eidos::read_texts(write(folder / "latin1.txt", "caf\xe9\n")));
    EXPECT_STATUS(invalid_file, eidos::read_texts(std::filesystem::temp_directory_path()));
    const eidos::Control control;
    control.cancel();
    EXPECT_STATUS(cancelled, eidos::read_texts(write(folder / "texts.txt", "a\n"), {}, control));
}

} // namespace
