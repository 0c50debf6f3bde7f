#include "history/value_text.hpp"
#include <gtest/gtest.h>
TEST(ValueText, Compiles) {}
