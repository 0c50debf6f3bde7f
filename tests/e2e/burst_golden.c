/* The published client of C, made to send what docs/format/burst.md shows byte for byte: PORT, then a line a status. */
#define _POSIX_C_SOURCE 200809L
#define MILLWRIGHT_BURST_IMPLEMENTATION
#include "millwright_burst.h"

static void say(void *context, const char *text) {
  (void)context;
  printf("%s\n", text);
}

int main(int count, char **words) {
  const mwb_options options = {.host = "127.0.0.1", .port = (uint16_t)atoi(words[count - 1]), .source = "press-7", .client = "demo", .epoch = 7,
                               .buffer_bytes = 400, .on_problem = say};
  mwb_sender *sender = mwb_open(&options);
  const int vib = mwb_channel(sender, "vib", MWB_FLOAT32), seen = mwb_channel(sender, "count", MWB_INT64);
  const float three[] = {1.5f, 2.5f, -1};
  const int64_t two[] = {10, 11}, start = 1763712000000000000, times[] = {start, start + 500000000};
  const uint32_t qualities[] = {MWB_GOOD, MWB_BAD};
  const mwb_block block = {.channel = seen, .count = 2, .times = times, .qualities = qualities, .values = two};
  const int first = mwb_add(sender, vib, start, 1000000, three, 3);
  const int second = mwb_add_block(sender, &block);
  printf("%d %d\n", first, second);
  printf("%d\n", mwb_drain(sender, 20000));
  /* More than the buffer holds is not taken, in part or whole. */
  float many[200] = {0};
  const size_t before = mwb_kept_bytes(sender);
  const int full = mwb_add(sender, vib, start, 1, many, 200);
  printf("%d %d\n", full, mwb_kept_bytes(sender) == before);
  printf("%d %d %d\n", mwb_add(sender, 2, start, 1, many, 1), mwb_channel(sender, "", MWB_BOOL), mwb_channel(sender, "vib", MWB_BOOL));
  printf("%llu of %llu\n", (unsigned long long)mwb_durable(sender), (unsigned long long)mwb_flushed(sender));
  mwb_close(sender);
  return 0;
}
