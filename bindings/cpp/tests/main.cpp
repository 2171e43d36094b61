// Runs the tests, and counts the handles that are left.
#include "demo.hpp"

namespace {

struct NoHandlesAreLeft : testing::Environment {
    void TearDown() override
    {
        shared_demo().reset();
        EXPECT_EQ(eidos::debug_live_handles(), 0u);
    }
};

} // namespace

int main(int argc, char **argv)
{
    testing::InitGoogleTest(&argc, argv);
    testing::AddGlobalTestEnvironment(new NoHandlesAreLeft);
    return RUN_ALL_TESTS();
}
