/* A factory for the outage bench: PORT SENSORS READINGS_PER_S SECONDS. Noise of some steps of 0.01 by the burst stream, each sensor's block
 * every 100 ms, of the times of its readings. Ends when all is durable; a line then says how many readings each sensor has sent. */
#define _POSIX_C_SOURCE 200809L
#define MILLWRIGHT_BURST_IMPLEMENTATION
#include "millwright_burst.h"

#define PERIODS_PER_S 10

static void say(void *context, const char *text) {
  (void)context;
  fprintf(stderr, "%s\n", text);
}

static int64_t clock_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int main(int count, char **words) {
  if (count != 5) return 2;
  const int sensors = atoi(words[2]);
  const int per_block = (int)(atof(words[3]) / sensors / PERIODS_PER_S), blocks = atoi(words[4]) * PERIODS_PER_S;
  const mwb_options options = {.host = "127.0.0.1", .port = (uint16_t)atoi(words[1]), .source = "factory", .on_problem = say};
  mwb_sender *sender = mwb_open(&options);
  float *values = malloc((size_t)per_block * sizeof *values);
  int *levels = calloc((size_t)sensors, sizeof *levels);
  if (per_block < 1 || !sender || !values || !levels) return 2;
  char name[16];
  for (int i = 0; i < sensors; i++) {
    snprintf(name, sizeof name, "s%d", i);
    if (mwb_channel(sender, name, MWB_FLOAT32) != i) return 2;
  }
  const int64_t period = 1000000000 / PERIODS_PER_S / per_block, start = clock_ns();
  uint32_t random = 7;
  for (int64_t block = 0; block < blocks; block++) {
    const int64_t first = start + block * per_block * period;
    for (int i = 0; i < sensors; i++) {
      for (int k = 0; k < per_block; k++) {
        random = random * 1664525u + 1013904223u;
        levels[i] += (int)(random >> 30) - 1 - levels[i] / 8;
        values[k] = (float)(5000 + levels[i]) / 100.0f;
      }
      while (mwb_add(sender, i, first, period, values, (size_t)per_block) == MWB_FULL) mwb_poll(sender, 10);
    }
    mwb_flush(sender);
    do {
      const int64_t left = (first + per_block * period - clock_ns()) / 1000000;
      mwb_poll(sender, left > 0 ? (int)left : 0);
    } while (clock_ns() < first + per_block * period);
  }
  const int status = mwb_drain(sender, 600000);
  printf("%lld\n", (long long)blocks * per_block);
  mwb_close(sender);
  return status == MWB_OK ? 0 : 1;
}
