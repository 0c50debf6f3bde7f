// What needs no socket: gzip, URLs, who may ask.
#include <gtest/gtest.h>

#include "http/guard.hpp"
#include "http/gzip.hpp"
#include "http/url.hpp"

namespace millwright::http {
namespace {

TEST(Gzip, UnpacksWhatItPacks) {
  for (const std::size_t size : {0U, 1U, 70'000U, 3'000'000U}) {
    std::string text;
    for (std::size_t i = 0; i < size; ++i) text.push_back(static_cast<char>(i * i % 251));
    const auto back = gunzip(gzip(text), size);
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(*back, text);
  }
}

TEST(Gzip, TakesMembersThatFollowEachOther) {
  EXPECT_EQ(*gunzip(gzip("one ") + gzip("two"), 100), "one two");
}

TEST(Gzip, RefusesWhatIsTooLong) {
  const std::string bomb = gzip(std::string(10'000'000, 'a'));
  EXPECT_LT(bomb.size(), 100'000U);
  EXPECT_EQ(gunzip(bomb, 9'999'999).error().code, core::ErrorCode::kFull);
  EXPECT_TRUE(gunzip(bomb, 10'000'000));
}

TEST(Gzip, RefusesWhatIsNone) {
  const std::string good = gzip("pump value=1 1\n");
  for (std::size_t n = 0; n < good.size(); ++n) {
    EXPECT_EQ(gunzip(good.substr(0, n), 1000).error().code, core::ErrorCode::kCorrupt) << n;
  }
  EXPECT_EQ(gunzip("pump value=1 1\n", 1000).error().code, core::ErrorCode::kCorrupt);
  std::string wrong = good;
  wrong[wrong.size() - 6] ^= 1;  // of the checksum
  EXPECT_EQ(gunzip(wrong, 1000).error().code, core::ErrorCode::kCorrupt);
  EXPECT_EQ(gunzip(good + "rest", 1000).error().code, core::ErrorCode::kCorrupt);
}

TEST(Url, FindsAParameter) {
  EXPECT_EQ(**query_value("db=x&precision=m%73&e", "precision"), "ms");
  EXPECT_EQ(**query_value("db=x&e", "e"), "");
  EXPECT_FALSE(*query_value("db=x", "d"));
  EXPECT_FALSE(*query_value("", "d"));
  EXPECT_FALSE(query_value("d=%2", "d"));
}

TEST(Guard, KnowsThisMachine) {
  for (const char* host : {"localhost", "LocalHost:8086", "127.0.0.1:1", "[::1]", "[::1]:8086"}) {
    EXPECT_TRUE(names_this_machine(host)) << host;
  }
  for (const char* host : {"", "evil.example", "localhost.evil.example", "localhost:x", "127.0.0.2", "::1"}) {
    EXPECT_FALSE(names_this_machine(host)) << host;
  }
}

TEST(Guard, KnowsPagesOfOtherSites) {
  Request request;
  request.host = "localhost:8086";
  EXPECT_FALSE(from_elsewhere(request));
  request.origin = "http://localhost:8086";
  EXPECT_FALSE(from_elsewhere(request));
  request.origin = "null";
  EXPECT_TRUE(from_elsewhere(request));
  request.origin.clear();
  request.fetch_site = "cross-site";
  EXPECT_TRUE(from_elsewhere(request));
}

}  // namespace
}  // namespace millwright::http
