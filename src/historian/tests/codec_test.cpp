#include "historian/codec.hpp"

#include <bit>
#include <cmath>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "historian/kernels.hpp"
#include "historian/tests/block_maker.hpp"
#include "io/random.hpp"

namespace millwright::historian {
namespace {

using core::TimeNs;
using core::ValueType;

constexpr TimeNs kBase = 1'795'000'000'000'000'000;
constexpr core::DurationNs kPeriod = 10 * core::kMillisecond;

class CodecTest : public testing::Test {
 protected:
  // Encodes, decodes, compares; gives the encoded bytes.
  std::vector<std::byte> round_trip(const OwnedBlock& owned, TimeNs base = kBase) {
    std::vector<std::byte> bytes;
    encoder_.encode(owned.block, base, bytes);
    for (auto& [encoder, decoder] : others_) {
      std::vector<std::byte> same;
      encoder.encode(owned.block, base, same);
      EXPECT_EQ(same, bytes) << "other kernels give other bytes";
      EXPECT_TRUE(decoder.decode(bytes, base, decoded_));
      const auto differs = difference(owned.block, decoded_.view());
      EXPECT_FALSE(differs) << *differs;
    }
    const auto status = decoder_.decode(bytes, base, decoded_);
    EXPECT_TRUE(status) << (status ? "" : status.error().message);
    if (status) {
      const auto differs = difference(owned.block, decoded_.view());
      EXPECT_FALSE(differs) << *differs;
    }
    return bytes;
  }
  template <typename T>
  std::vector<std::byte> round_trip(ValueType type, const std::vector<T>& values) {
    OwnedBlock owned;
    fill<T>(owned, type, values, kBase, kPeriod);
    return round_trip(owned);
  }
  template <typename T>
  static std::vector<T> made(std::size_t n, const std::function<T(std::size_t)>& value) {
    std::vector<T> values(n);
    for (std::size_t i = 0; i < n; ++i) values[i] = value(i);
    return values;
  }

  // Every set of kernels that the machine has, beside the best.
  struct Other {
    explicit Other(const Kernels& kernels) : encoder(kernels), decoder(kernels) {}
    Encoder encoder;
    Decoder decoder;
  };
  static std::deque<Other> all_but_best() {
    std::deque<Other> others;
    for (const Kernels* kernels : usable_kernels().first(usable_kernels().size() - 1)) others.emplace_back(*kernels);
    return others;
  }

  Encoder encoder_;
  Decoder decoder_;
  std::deque<Other> others_ = all_but_best();
  DecodedBlock decoded_;
  io::Random random_{20261121};
};

template <typename T>
T decimal(double value, double scale) {
  return static_cast<T>(std::round(value * scale) / scale);
}

TEST_F(CodecTest, TwoDecimalFloatsTakeFewBits) {
  double level = 20;
  const auto values = made<float>(1000, [&](std::size_t) {
    level += 0.02 * random_.normal();
    return decimal<float>(level + 0.05 * random_.normal(), 100);
  });
  EXPECT_LT(round_trip(ValueType::kFloat32, values).size(), 1000U * 8 / 8);
  const auto wide =
      made<double>(1000, [&](std::size_t i) { return decimal<double>(static_cast<double>(values[i]), 100); });
  EXPECT_LT(round_trip(ValueType::kFloat64, wide).size(), 1000U * 8 / 8);
}

TEST_F(CodecTest, AConstantBlockTakesAFewBytes) {
  EXPECT_LT(round_trip(ValueType::kFloat64, std::vector<double>(1000, 21.5)).size(), 30U);
  EXPECT_LT(round_trip(ValueType::kFloat32, std::vector<float>(1000, std::nanf("7"))).size(), 30U);
  EXPECT_LT(round_trip(ValueType::kState, std::vector<std::int32_t>(1000, 3)).size(), 30U);
  EXPECT_LT(round_trip(ValueType::kBool, std::vector<std::uint8_t>(1000, 1)).size(), 30U);
}

TEST_F(CodecTest, KeepsTheBitsOfEveryOddFloat) {
  const double payload = std::bit_cast<double>(0x7FF8'0000'DEAD'BEEFULL);
  const double signalling = std::bit_cast<double>(0xFFF0'0000'0000'0001ULL);
  using Limits = std::numeric_limits<double>;
  const std::vector<double> odd{1.25,
                                payload,
                                signalling,
                                -0.0,
                                0.0,
                                Limits::infinity(),
                                -Limits::infinity(),
                                Limits::denorm_min(),
                                -Limits::denorm_min(),
                                Limits::max(),
                                Limits::lowest(),
                                Limits::min(),
                                Limits::epsilon(),
                                0x1p51,
                                0x1p52,
                                0x1p53,
                                -0x1p51,
                                1e15,
                                1e16,
                                1e300,
                                0.1 + 0.2,
                                1.0 / 3,
                                12345678.912345};
  round_trip(ValueType::kFloat64, odd);
  round_trip(ValueType::kFloat32, made<float>(odd.size(), [&](std::size_t i) { return static_cast<float>(odd[i]); }));
  for (std::size_t at = 0; at < odd.size(); ++at) {
    // Alone, as the only odd one of many, at each end of the block.
    round_trip(ValueType::kFloat64, std::vector<double>{odd[at]});
    auto values =
        made<double>(100, [&](std::size_t i) { return decimal<double>(20.0 + static_cast<double>(i) * 0.37, 100); });
    values.front() = odd[at];
    round_trip(ValueType::kFloat64, values);
    std::swap(values.front(), values.back());
    round_trip(ValueType::kFloat64, values);
    const auto narrow = made<float>(values.size(), [&](std::size_t i) { return static_cast<float>(values[i]); });
    round_trip(ValueType::kFloat32, narrow);
  }
}

TEST_F(CodecTest, FewOddValuesDoNotSpoilTheRest) {
  auto values = made<float>(1000, [&](std::size_t) { return decimal<float>(50 + random_.normal(), 100); });
  const std::size_t clean = round_trip(ValueType::kFloat32, values).size();
  for (const std::size_t at : {0U, 125U, 500U, 999U}) values[at] = std::nanf("");
  values[250] = 1.0F / 3;
  EXPECT_LT(round_trip(ValueType::kFloat32, values).size(), clean + 5 * 6 + 2);
}

TEST_F(CodecTest, ValuesThatAreNoDecimalsTakeNoMoreThanTheirOwnBytes) {
  const auto noise = made<double>(1000, [&](std::size_t) { return std::bit_cast<double>(random_.next()); });
  EXPECT_LE(round_trip(ValueType::kFloat64, noise).size(), 1000U * 8 + 40);
  const auto smooth = made<float>(1000, [&](std::size_t i) { return 5.0F + std::sin(static_cast<float>(i) * 0.01F); });
  EXPECT_LT(round_trip(ValueType::kFloat32, smooth).size(), 1000U * 4);
}

TEST_F(CodecTest, IntegersOfEveryWidth) {
  for (unsigned width = 0; width <= 64; ++width) {
    const std::uint64_t mask = width == 64 ? ~0ULL : (1ULL << width) - 1;
    for (const std::size_t n : {1U, 2U, 7U, 8U, 9U, 63U, 64U, 65U, 100U, 1024U}) {
      round_trip(ValueType::kInt64,
                 made<std::int64_t>(n, [&](std::size_t) { return static_cast<std::int64_t>(random_.next() & mask); }));
    }
  }
  round_trip(ValueType::kInt64, std::vector<std::int64_t>{INT64_MIN, INT64_MAX, 0, -1, INT64_MIN, 1});
  const auto counter =
      made<std::int64_t>(1000, [](std::size_t i) { return 1'000'000'000 + static_cast<std::int64_t>(i) * 3; });
  EXPECT_LT(round_trip(ValueType::kInt64, counter).size(), 40U);
  round_trip(ValueType::kState, std::vector<std::int32_t>{INT32_MIN, INT32_MAX, 0, -1, 7});
}

TEST_F(CodecTest, BoolsTakeABit) {
  const auto bools = made<std::uint8_t>(1001, [&](std::size_t) { return static_cast<std::uint8_t>(random_.below(2)); });
  EXPECT_LT(round_trip(ValueType::kBool, bools).size(), 1001U / 8 + 30);
  round_trip(ValueType::kBool, std::vector<std::uint8_t>{0, 1, 2, 255});  // wrong, but kept
}

TEST_F(CodecTest, TimesInAList) {
  const std::size_t n = 1000;
  const auto values = std::vector<double>(n, 1);
  const auto with_times = [&](const std::function<TimeNs(std::size_t)>& time, TimeNs base = kBase) {
    OwnedBlock owned;
    fill<double>(owned, ValueType::kFloat64, values, kBase, kPeriod);
    set_times(owned, made<TimeNs>(n, time));
    return round_trip(owned, base).size();
  };
  const auto at = [](std::size_t i) { return kBase + static_cast<TimeNs>(i) * kPeriod; };
  EXPECT_LT(with_times(at), 40U);                                                                      // even after all
  EXPECT_LT(with_times([&](std::size_t i) { return i < 500 ? at(i) : at(i) + core::kHour; }), 1100U);  // one gap
  EXPECT_LT(with_times([&](std::size_t i) {  // jitter of whole milliseconds
              return at(i) + static_cast<TimeNs>(random_.below(8)) * core::kMillisecond;
            }),
            600U);
  with_times([&](std::size_t i) { return at(i) + static_cast<TimeNs>(random_.below(1'000'000)); });
  with_times([&](std::size_t i) { return at(n - i); });
  with_times([&](std::size_t i) { return at(i / 2); });
  with_times([&](std::size_t) { return static_cast<TimeNs>(random_.next()); });
  with_times([&](std::size_t i) { return i % 2 == 0 ? INT64_MIN : INT64_MAX; });
  with_times([&](std::size_t i) {  // even steps that wrap
    return static_cast<TimeNs>(i * 0x7000'0000'0000'0000ULL);
  });
  with_times(at, INT64_MIN);
  with_times(at, INT64_MAX);
}

TEST_F(CodecTest, QualityRuns) {
  OwnedBlock owned;
  fill<double>(owned, ValueType::kFloat64, std::vector<double>(10, 2.5), kBase, kPeriod);
  set_runs(owned,
           {{3, core::kGood}, {0, core::kBad}, {2, core::kGood}, {1, core::kBadSensorFailure}, {4, {0x00960000}}});
  round_trip(owned);
  set_runs(owned, {{10, core::kUncertainEuExceeded}});
  round_trip(owned);
  set_runs(owned, {{1, core::kBad}, {9, core::kGood}});
  round_trip(owned);
}

// Random blocks of every type, length, kind of time and quality.
TEST_F(CodecTest, RandomBlocks) {
  for (int round = 0; round < 2000; ++round) {
    OwnedBlock owned;
    const std::size_t n = 1 + random_.below(round % 50 == 0 ? core::kMaxBlockReadings : 300);
    const double scale = std::pow(10, static_cast<double>(random_.below(8)));
    const double spread = std::pow(10, static_cast<double>(random_.below(12)) - 4);
    const auto real = [&] {
      if (random_.below(200) == 0) return std::bit_cast<double>(random_.next());
      return std::round(random_.normal() * spread * scale) / scale;
    };
    switch (random_.below(5)) {
      case 0:
        fill<double>(owned, ValueType::kFloat64, made<double>(n, [&](auto) { return real(); }), kBase, kPeriod);
        break;
      case 1:
        fill<float>(owned, ValueType::kFloat32, made<float>(n, [&](auto) { return static_cast<float>(real()); }), kBase,
                    kPeriod);
        break;
      case 2:
        fill<std::int64_t>(
            owned, ValueType::kInt64,
            made<std::int64_t>(n, [&](auto) { return static_cast<std::int64_t>(random_.next() >> random_.below(64)); }),
            kBase, 1);
        break;
      case 3:
        fill<std::uint8_t>(owned, ValueType::kBool,
                           made<std::uint8_t>(n, [&](auto) { return static_cast<std::uint8_t>(random_.below(2)); }),
                           kBase, 0);
        break;
      default:
        fill<std::int32_t>(owned, ValueType::kState,
                           made<std::int32_t>(n, [&](auto) { return static_cast<std::int32_t>(random_.below(6)); }),
                           kBase, -kPeriod);
    }
    if (random_.below(2) == 0) {
      TimeNs time = kBase;
      set_times(owned, made<TimeNs>(n, [&](auto) {
                  return time += static_cast<TimeNs>(random_.below(1ULL << random_.below(50)));
                }));
    }
    std::vector<core::QualityRun> runs;
    for (std::size_t left = n; left > 0;) {
      const auto count = static_cast<std::uint32_t>(1 + random_.below(left));
      runs.push_back({count, {random_.below(3) == 0 ? static_cast<std::uint32_t>(random_.next()) : 0}});
      left -= count;
    }
    set_runs(owned, runs);
    round_trip(owned);
    ASSERT_FALSE(HasFailure()) << "round " << round;
  }
}

TEST_F(CodecTest, RefusesBytesThatAreNoBlock) {
  EXPECT_FALSE(decoder_.decode({}, kBase, decoded_));
  auto bytes =
      round_trip(ValueType::kFloat32, made<float>(100, [&](auto) { return decimal<float>(random_.normal(), 100); }));
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_FALSE(decoder_.decode(std::span(bytes).first(n), kBase, decoded_)) << "cut to " << n;
  }
  bytes.push_back(std::byte{0});
  EXPECT_FALSE(decoder_.decode(bytes, kBase, decoded_)) << "a byte too many";
}

TEST_F(CodecTest, DecodesWhateverBytesWithoutHarm) {
  std::vector<std::byte> bytes;
  for (int round = 0; round < 20'000; ++round) {
    bytes.resize(random_.below(64));
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random_.next());
    if (bytes.size() > 1) bytes[0] &= std::byte{0x3F};
    if (!decoder_.decode(bytes, kBase, decoded_)) continue;
    ASSERT_GE(decoded_.count, 1U);
    ASSERT_LE(decoded_.count, core::kMaxBlockReadings);
    std::vector<std::byte> again;
    encoder_.encode(decoded_.view(), kBase, again);
    DecodedBlock second;
    ASSERT_TRUE(decoder_.decode(again, kBase, second));
    ASSERT_FALSE(difference(decoded_.view(), second.view()));
  }
}

TEST_F(CodecTest, FewFarValuesDoNotWidenABlock) {
  auto values = made<double>(1000, [&](std::size_t) { return decimal<double>(50 + random_.normal(), 100); });
  const std::size_t clean = round_trip(ValueType::kFloat64, values).size();
  for (const std::size_t at : {7U, 130U, 501U, 998U}) values[at] = 12345.67;
  EXPECT_LT(round_trip(ValueType::kFloat64, values).size(), clean + 4 * 6 + 12);
}

TEST_F(CodecTest, FewDistinctValuesAreADictionary) {
  const auto values = made<double>(1000, [&](std::size_t) {
    return decimal<double>(0.054711 + 0.327927 * static_cast<double>(random_.below(6)), 1e6);
  });
  EXPECT_LT(round_trip(ValueType::kFloat64, values).size(), 1000U * 3 / 8 + 60);
  // The same of doubles that are no decimals, and of large integers.
  const auto real = made<double>(1000, [&](std::size_t i) { return std::sqrt(values[i] + 2); });
  EXPECT_LT(round_trip(ValueType::kFloat64, real).size(), 1000U * 3 / 8 + 100);
  const auto wide = made<std::int64_t>(
      300, [&](std::size_t) { return static_cast<std::int64_t>(random_.below(3) * 0x0123'4567'89AB'CDEFULL); });
  EXPECT_LT(round_trip(ValueType::kInt64, wide).size(), 300U * 2 / 8 + 60);
}

TEST_F(CodecTest, HeldValuesAreRuns) {
  double held = 0;
  const auto values = made<double>(1000, [&](std::size_t i) {
    if (i % 5 == 0) held = decimal<double>(20 + random_.normal(), 10000);
    return held;
  });
  EXPECT_LT(round_trip(ValueType::kFloat64, values).size(), 200U * 19 / 8 + 60);
  const auto wide = made<std::int64_t>(
      1000, [&](std::size_t i) { return static_cast<std::int64_t>(i / 100 * 0x0123'4567'89AB'CDEFULL); });
  EXPECT_LT(round_trip(ValueType::kInt64, wide).size(), 10U * 8 + 60);
}

// Integers just within and just beyond what 32-bit kernels may take on.
TEST_F(CodecTest, SpreadsAroundThirtyTwoBits) {
  for (const double reach : {0x1p29, 0x1p30, 0x1p31, 0x1p32, 0x1p40, 0x1p52}) {
    for (const double scale : {1.0, 100.0, 1e6}) {
      for (const std::size_t n : {2U, 9U, 100U, 1000U, 8192U}) {
        const auto values =
            made<double>(n, [&](std::size_t) { return std::round((random_.uniform() * 2 - 1) * reach) / scale; });
        round_trip(ValueType::kFloat64, values);
        round_trip(ValueType::kFloat32, made<float>(n, [&](std::size_t i) { return static_cast<float>(values[i]); }));
        round_trip(ValueType::kInt64,
                   made<std::int64_t>(n, [&](std::size_t i) { return static_cast<std::int64_t>(values[i]); }));
      }
    }
  }
}

TEST_F(CodecTest, AFewLateTimesDoNotWidenTheList) {
  OwnedBlock owned;
  fill<double>(owned, ValueType::kFloat64, std::vector<double>(1000, 1), kBase, kPeriod);
  std::vector<TimeNs> times;
  for (int i = 0; i < 1000; ++i) {
    times.push_back(kBase + i * kPeriod + (random_.below(50) == 0 ? static_cast<TimeNs>(random_.below(3'000'000)) : 0));
  }
  set_times(owned, times);
  EXPECT_LT(round_trip(owned).size(), 400U);
}

// ---- golden files: what was written once must be read for ever; this version writes no other bytes than v2

struct Golden {
  std::string name;
  std::function<void(OwnedBlock&)> make;
};

std::vector<Golden> goldens() {
  const auto floats = [](OwnedBlock& b) {
    std::vector<float> v;
    for (int i = 0; i < 40; ++i) v.push_back(static_cast<float>(2000 + i * 37 % 50) / 100);
    fill<float>(b, ValueType::kFloat32, v, kBase, kPeriod);
  };
  return {
      {"float32-decimal", floats},
      {"float32-exceptions",
       [=](OwnedBlock& b) {
         floats(b);
         b.block.as<float>()[3] = std::bit_cast<float>(0x7FC00007U);
         b.block.as<float>()[39] = -0.0F;
       }},
      {"float64-decimal-delta",
       [](OwnedBlock& b) {
         std::vector<double> v;
         for (int i = 0; i < 50; ++i) v.push_back(static_cast<double>(i * i * 7 + i) / 1000);
         fill<double>(b, ValueType::kFloat64, v, kBase, kPeriod);
       }},
      {"float32-pattern",
       [](OwnedBlock& b) {
         std::vector<float> v;
         for (unsigned i = 0; i < 20; ++i) v.push_back(std::bit_cast<float>(0x3F812345U + i * 7919 % 1000));
         fill<float>(b, ValueType::kFloat32, v, kBase, kPeriod);
       }},
      {"float64-plain",
       [](OwnedBlock& b) {
         fill<double>(b, ValueType::kFloat64, std::vector<double>{1e300, -1e-300, 0x1.123456789abcdp7}, kBase, kPeriod);
       }},
      {"float64-constant",
       [](OwnedBlock& b) { fill<double>(b, ValueType::kFloat64, std::vector<double>(100, 21.5), kBase, kPeriod); }},
      {"int64-counter",
       [](OwnedBlock& b) {
         std::vector<std::int64_t> v;
         for (int i = 0; i < 30; ++i) v.push_back(1'000'000 + i * 10 + i % 3);
         fill<std::int64_t>(b, ValueType::kInt64, v, kBase, kPeriod);
       }},
      {"bool",
       [](OwnedBlock& b) {
         fill<std::uint8_t>(b, ValueType::kBool, std::vector<std::uint8_t>{1, 0, 0, 1, 1, 1, 0, 1, 0, 1}, kBase,
                            kPeriod);
       }},
      {"state-times-quality",
       [](OwnedBlock& b) {
         fill<std::int32_t>(b, ValueType::kState, std::vector<std::int32_t>{0, 2, -1, 5}, kBase, kPeriod);
         set_times(b, {kBase, kBase + 3'000'000, kBase + 4'000'000, kBase + 9'000'000});
         set_runs(b, {{1, core::kGood}, {3, core::kBadNotConnected}});
       }},
      {"times-varint",
       [](OwnedBlock& b) {
         std::vector<TimeNs> times;
         for (int i = 0; i < 60; ++i) times.push_back(kBase + i * kPeriod + (i >= 30 ? core::kHour : 0));
         fill<double>(b, ValueType::kFloat64, std::vector<double>(60, 1), kBase, kPeriod);
         set_times(b, times);
       }},
      {"float64-patched",
       [](OwnedBlock& b) {
         std::vector<double> v;
         for (int i = 0; i < 100; ++i)
           v.push_back(i == 40 || i == 77 ? 9000.5 : static_cast<double>(200 + i * 7 % 13) / 10);
         fill<double>(b, ValueType::kFloat64, v, kBase, kPeriod);
       }},
      {"float64-dictionary",
       [](OwnedBlock& b) {
         std::vector<double> v;
         for (int i = 0; i < 100; ++i) v.push_back(0.054711 + 0.327927 * (i * i % 7));
         for (double& value : v) value = std::round(value * 1e6) / 1e6;
         fill<double>(b, ValueType::kFloat64, v, kBase, kPeriod);
       }},
      {"int64-runs",
       [](OwnedBlock& b) {
         std::vector<std::int64_t> v;
         for (int i = 0; i < 100; ++i) v.push_back(i / 10 * 7919 * (i / 10));
         fill<std::int64_t>(b, ValueType::kInt64, v, kBase, kPeriod);
       }},
      {"single", [](OwnedBlock& b) { fill<float>(b, ValueType::kFloat32, std::vector<float>{3.25F}, kBase, 0); }},
  };
}

std::string hex(std::span<const std::byte> bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const std::byte b : bytes) {
    text += kDigits[std::to_integer<unsigned>(b) >> 4];
    text += kDigits[std::to_integer<unsigned>(b) & 15];
  }
  return text;
}

std::vector<std::byte> from_hex(const std::string& text) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(text.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

const std::string kGoldenFolder = std::string(MILLWRIGHT_SOURCE_DIR) + "/src/historian/tests/golden/";

std::map<std::string, std::string> stored_goldens(const std::string& file) {
  std::ifstream in(kGoldenFolder + file);
  std::map<std::string, std::string> stored;
  for (std::string name, bytes; in >> name >> bytes;) stored[name] = bytes;
  return stored;
}

TEST_F(CodecTest, GoldenFilesOfEveryVersionAreRead) {
  std::map<std::string, Golden> made;
  for (const Golden& golden : goldens()) made[golden.name] = golden;
  for (const std::string file : {"codec_v1.txt", "codec_v2.txt"}) {
    const auto stored = stored_goldens(file);
    ASSERT_FALSE(stored.empty()) << file;
    for (const auto& [name, bytes] : stored) {
      ASSERT_TRUE(made.contains(name)) << file << ": " << name;
      OwnedBlock owned;
      made[name].make(owned);
      for (const Kernels* kernels : usable_kernels()) {
        Decoder decoder(*kernels);
        const auto status = decoder.decode(from_hex(bytes), kBase, decoded_);
        ASSERT_TRUE(status) << file << ": " << name << ": " << status.error().message;
        EXPECT_FALSE(difference(owned.block, decoded_.view())) << file << ": " << name << ", " << kernels->name;
      }
    }
  }
}

TEST_F(CodecTest, WritesTheBytesOfTheLatestGoldenFile) {
  if (std::getenv("MILLWRIGHT_UPDATE_GOLDEN") != nullptr) {
    std::ofstream out(kGoldenFolder + "codec_v2.txt");
    for (const Golden& golden : goldens()) {
      OwnedBlock owned;
      golden.make(owned);
      out << golden.name << ' ' << hex(round_trip(owned)) << '\n';
    }
  }
  auto stored = stored_goldens("codec_v2.txt");
  ASSERT_EQ(stored.size(), goldens().size());
  for (const Golden& golden : goldens()) {
    OwnedBlock owned;
    golden.make(owned);
    EXPECT_EQ(hex(round_trip(owned)), stored[golden.name]) << golden.name;
  }
}

}  // namespace
}  // namespace millwright::historian
