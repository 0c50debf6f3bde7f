#include "models/bundle.hpp"

#include <gmock/gmock.h>

#include "models/loaded_model.hpp"
#include "models/tests/test_bundle.hpp"

namespace millwright::models {
namespace {

using detection::ModelKind;
using ::testing::HasSubstr;
using testing::make_bundle;
using testing::make_rows;

const std::filesystem::path kGolden = std::filesystem::path(MILLWRIGHT_SOURCE_DIR) / "src/models/tests/golden";

std::string refusal(std::string_view file, const Trust& trust) {
  const auto model = LoadedModel::load(file, trust);
  return model ? "taken" : model.error().message;
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

class SealedBundleTest : public ::testing::Test {
 protected:
  const SigningKey key_ = *SigningKey::generate();
  const Trust trust_{.keys = {key_.public_key()}};
  const Bundle bundle_ = make_bundle();
  const std::string payload_ = to_payload(bundle_);
  const std::string file_ = seal(payload_, &key_);
};

TEST_F(SealedBundleTest, WhatWasLearntComesBackBitForBit) {
  for (const ModelKind kind : {ModelKind::kPca, ModelKind::kCovariance, ModelKind::kLargest}) {
    const Bundle bundle = make_bundle("1", kind);
    const auto read = parse_payload(to_payload(bundle));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(to_payload(*read), to_payload(bundle));
    const auto first = make_detector(bundle);
    const auto second = make_detector(*read);
    ASSERT_TRUE(first && second);
    const auto rows = make_rows(200, 7, 100);
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      ASSERT_EQ((*first)->score(rows.row(i)).score, (*second)->score(rows.row(i)).score);
    }
  }
}

TEST_F(SealedBundleTest, ATrustedBundleIsTaken) {
  const auto model = LoadedModel::load(file_, trust_);
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ((*model)->bundle().id(), "pump-pca@1.0.0");
  EXPECT_EQ((*model)->key(), key_.public_key().id());
  EXPECT_EQ((*model)->sha256(), sha256(payload_));
  const auto detector = (*model)->detector();
  const auto rows = make_rows(20, 3, 10);
  EXPECT_FALSE(detector->score(rows.row(0)).alarm);
  for (std::size_t i = 10; i < 13; ++i) detector->score(rows.row(i));
  EXPECT_TRUE(detector->score(rows.row(13)).alarm);
}

TEST_F(SealedBundleTest, EveryFlippedByteIsNoticed) {
  for (std::size_t at = 0; at < file_.size(); at += at < 300 ? 1 : 97) {
    std::string damaged = file_;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    EXPECT_NE(refusal(damaged, trust_), "taken") << at;
  }
  EXPECT_NE(refusal(file_.substr(0, file_.size() - 1), trust_), "taken");
  EXPECT_NE(refusal("", trust_), "taken");
}

TEST_F(SealedBundleTest, WhoSignedItDecides) {
  const auto stranger = SigningKey::generate();
  EXPECT_THAT(refusal(seal(payload_, &*stranger), trust_), HasSubstr("not among"));
  EXPECT_THAT(refusal(seal(payload_, nullptr), trust_), HasSubstr("not signed"));
  EXPECT_EQ(refusal(seal(payload_, nullptr), {.keys = {}, .allow_unsigned = true}), "taken");
  // Another's signature under the trusted key's name.
  const std::string forged = replaced(seal(payload_, &*stranger), stranger->public_key().id(), key_.public_key().id());
  EXPECT_THAT(refusal(forged, trust_), HasSubstr("not that of key"));
  // The right signature, of another payload.
  const std::string other = replaced(payload_, "1.0.0", "1.0.1");
  EXPECT_THAT(refusal(replaced(replaced(file_, payload_, other), sha256(payload_), sha256(other)), trust_),
              HasSubstr("not that of key"));
}

TEST_F(SealedBundleTest, AKeyIsReadAsItWasWritten) {
  const auto again = SigningKey::read(key_.pem(), "key.pem");
  ASSERT_TRUE(again);
  EXPECT_EQ(seal(payload_, &*again), file_);
  const auto public_key = PublicKey::read(key_.public_key().pem(), "key.pub");
  ASSERT_TRUE(public_key);
  EXPECT_EQ(public_key->id(), key_.public_key().id());
  EXPECT_FALSE(SigningKey::read(key_.public_key().pem(), "key.pub"));
  const auto nothing = PublicKey::read("-----BEGIN", "some.pem");
  ASSERT_FALSE(nothing);
  EXPECT_THAT(nothing.error().message, HasSubstr("some.pem"));
}

TEST_F(SealedBundleTest, AFailedTestRowIsRefused) {
  Bundle bundle = bundle_;
  bundle.test.scores[5] *= 1.01;
  EXPECT_THAT(refusal(seal(to_payload(bundle), &key_), trust_), HasSubstr("row 6 scores"));
}

TEST_F(SealedBundleTest, WhatIsNotInTheFormatIsNamed) {
  const auto problem = [&](std::string_view from, std::string_view to) {
    const auto read = parse_payload(replaced(payload_, from, to));
    return read ? std::string("taken") : read.error().message;
  };
  EXPECT_THAT(problem(R"("format":1)", R"("format":2)"), HasSubstr("'format'"));
  EXPECT_THAT(problem(R"("name":"pump-pca")", R"("name":"../x")"), HasSubstr("'name'"));
  EXPECT_THAT(problem(R"("version":"1.0.0")", R"("version":"1/0")"), HasSubstr("'version'"));
  EXPECT_THAT(problem(R"("kind":"pca")", R"("kind":"magic")"), HasSubstr("magic"));
  EXPECT_THAT(problem(R"("period_ns":1000000000)", R"("period_ns":-1)"), HasSubstr("'period_ns'"));
  EXPECT_THAT(problem(R"("states":[1])", R"("states":[1e3])"), HasSubstr("'states'"));
  EXPECT_THAT(problem(R"("states":[1])", R"("colour":2,"states":[1])"), HasSubstr("colour"));
  EXPECT_THAT(problem(R"("lags":0)", R"("lags":18446744073709551615)"), HasSubstr("'lags'"));
  EXPECT_THAT(problem(R"("motor/speed")", R"("motor/current")"), HasSubstr("twice"));
  EXPECT_THAT(problem(R"("raise":2)", R"("raise":20)"), HasSubstr("raise"));
}

TEST_F(SealedBundleTest, EachRegimeHasAScaleOfItsOwn) {
  Bundle bundle = bundle_;
  bundle.states = {1, 2};
  bundle.regimes[1] = {.centre = {0, 0, 0, 0}, .spread = {1, 1, 1, 1}};
  bundle.regimes[2] = {.centre = {5, 5, 5, 5}, .spread = {2, 2, 2, 2}};
  const auto read = parse_payload(to_payload(bundle));
  ASSERT_TRUE(read) << read.error().message;
  std::vector<double> row{7, 9, 5, 1};
  scale(*read, 2, row);
  EXPECT_EQ(row, (std::vector<double>{1, 2, 0, -2}));
  bundle.states = {1, 3};
  EXPECT_FALSE(parse_payload(to_payload(bundle)));
}

// A file of format 1 is read, and judges as it did, for ever. tests/golden holds the public key; nobody has the other.
TEST(GoldenBundle, IsReadAndJudgesAsItDid) {
  const auto key = PublicKey::read(testing::read_text(kGolden / "key.pub.pem"), "key.pub.pem");
  ASSERT_TRUE(key);
  const std::string file = testing::read_text(kGolden / "pump-pca@1.0.0.mwmodel");
  const auto model = LoadedModel::load(file, {.keys = {*key}});
  ASSERT_TRUE(model) << model.error().message;
  const auto sealed = open_seal(file);
  const auto bundle = parse_payload(sealed->payload);
  ASSERT_TRUE(bundle);
  EXPECT_EQ(to_payload(*bundle), sealed->payload);
  EXPECT_EQ(bundle->grid.period, core::kSecond);
  EXPECT_GT(bundle->test.scores.back(), 1);
}

}  // namespace
}  // namespace millwright::models
