// The published client of C, told any bytes by its receiver: as they are, and as messages whose checksum is right.
#include <algorithm>
#include <array>
#include <span>

#include "core/assert.hpp"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#define MILLWRIGHT_BURST_IMPLEMENTATION
#include "../clients/c/millwright_burst.h"
#pragma GCC diagnostic pop

namespace {

constexpr std::uint64_t kEpoch = 7;

// With three frames that are not durable, as on a connection where `state` has been reached.
mwb_sender* sender(mwb_state state) {
  mwb_options options{};
  options.host = "127.0.0.1";
  options.port = 1;
  options.source = "fuzz";
  options.epoch = kEpoch;
  mwb_sender* made = mwb_open(&options);
  ASSERT(made != nullptr, "no sender");
  const int channel = mwb_channel(made, "force", MWB_FLOAT32);
  const std::array<float, 4> values{1, 2, 3, 4};
  for (std::int64_t i = 0; i < 3; ++i) {
    ASSERT(mwb_add(made, channel, i * 100, 1, values.data(), values.size()) == MWB_OK, "a reading is not taken");
    mwb_flush(made);
  }
  made->state = state;
  return made;
}

void hear(mwb_sender& s, std::span<const std::uint8_t> bytes) {
  if (!bytes.empty()) std::copy(bytes.begin(), bytes.end(), mwb_grow(&s.in, bytes.size()));
  if (mwb_take_messages(&s) == 0) mwb_disconnect(&s);
}

void check(mwb_sender* s) {
  std::uint64_t next = s->durable;
  for (const mwb_frame* frame = s->first; frame != nullptr; frame = frame->next) {
    ASSERT(frame->sequence == ++next, "what is kept does not follow what is durable");
  }
  ASSERT(next == s->made, "a frame is missing");
  mwb_close(s);
}

void as_bytes(std::span<const std::uint8_t> bytes, mwb_state state) {
  mwb_sender* s = sender(state);
  hear(*s, bytes.first(bytes.size() / 2));
  if (s->state != mwb_kApart) hear(*s, bytes.subspan(bytes.size() / 2));
  check(s);
}

// The first byte is the message's type.
void as_message(std::span<const std::uint8_t> bytes, mwb_state state) {
  if (bytes.empty() || bytes.size() > mwb_kReceivedBytesMax) return;
  mwb_sender* s = sender(state);
  mwb_bytes payload{};
  const auto rest = bytes.subspan(1);
  if (!rest.empty()) std::copy(rest.begin(), rest.end(), mwb_grow(&payload, rest.size()));
  mwb_say(s, bytes[0], &payload);
  free(payload.data);
  std::swap(s->out, s->in);
  hear(*s, {});
  check(s);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  for (const mwb_state state : {mwb_kGreeting, mwb_kServing}) {
    as_bytes({data, size}, state);
    as_message({data, size}, state);
  }
  return 0;
}
