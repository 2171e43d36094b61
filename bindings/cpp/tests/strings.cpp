// Strings as arguments: anything that is like a string, or a list of them.
#include "demo.hpp"

#include <array>
#include <list>
#include <string_view>

namespace {

std::string joined(const eidos::StringArgs &strings)
{
    std::string result;
    for (std::size_t index = 0; index < strings.size(); index++)
        result += (index ? "|" : "") + std::string(strings.data()[index]);
    return result;
}

TEST(Strings, AllKindsAreAccepted)
{
    const std::string owned = "owned";
    const char *const pointers[] = {"p", "q"};
    const std::array<std::string_view, 2> views = {std::string_view("viewed").substr(0, 4), "v"};
    EXPECT_EQ(joined({}), "");
    EXPECT_EQ(joined("one"), "one");
    EXPECT_EQ(joined(owned), "owned");
    EXPECT_EQ(joined(std::string("a temporary that is too long for the small string optimisation")),
              "a temporary that is too long for the small string optimisation");
    EXPECT_EQ(joined(std::string_view("part of it").substr(0, 4)), "part");
    EXPECT_EQ(joined(std::filesystem::path("a/path")), "a/path");
    EXPECT_EQ(joined({"a", owned, std::string_view("b"), std::string("c")}), "a|owned|b|c");
    EXPECT_EQ(joined(std::vector<std::string>{"x", "y"}), "x|y");
    EXPECT_EQ(joined(std::list<const char *>{"x", "y"}), "x|y");
    EXPECT_EQ(joined(views), "view|v");
    EXPECT_EQ(joined(pointers), "p|q");
    EXPECT_EQ(joined(std::vector<std::string>{}), "");
}

TEST(Strings, OtherThingsAreNot)
{
    static_assert(!std::is_convertible_v<int, eidos::StringArgs>);
    static_assert(!std::is_convertible_v<std::vector<int>, eidos::StringArgs>);
    static_assert(!std::is_convertible_v<eidos::Activations, eidos::StringArgs>);
}

TEST(Strings, AreNotCopiedWithoutNeed)
{
    const std::vector<std::string> owned = {"a string of some length, in memory of its own"};
    EXPECT_EQ(eidos::StringArgs(owned).data()[0], owned[0].c_str());
}

TEST(Strings, ANulInsideIsAnErrorAndNotAnEnd)
{
    const std::string nul("a\0b", 3);
    EXPECT_STATUS(invalid_argument, joined(nul));
    EXPECT_STATUS(invalid_argument, demo().explainer.save(nul));
    EXPECT_STATUS(invalid_argument, eidos::SplitModel::load(std::string_view(nul)));
    EXPECT_NE(error_of([&] { return eidos::SplitModel::load(nul); }).message().find("byte 1"), std::string::npos);
}

TEST(Strings, ANulInsideOfAReturnedStringIsKept)
{
    static const char with_nul[] = "a\0b";
    const auto function = +[](int, std::size_t *length) -> const char * {
        *length = 3;
        return with_nul;
    };
    EXPECT_EQ(eidos::detail::text(function, 0), std::string(with_nul, 3));
    const auto null = +[](std::size_t *length) -> const char * {
        *length = 0;
        return nullptr;
    };
    EXPECT_EQ(eidos::detail::optional_text(null), std::nullopt);
    EXPECT_EQ(eidos::detail::text(null), "");
}

} // namespace
