/* Sends a sine at 1 kHz to a plant, until it is ended or for a time:
 *
 *   cc -std=c99 -O2 -o example example.c -lm            (with TLS: -DMILLWRIGHT_BURST_OPENSSL -lssl -lcrypto)
 *   ./example HOST PORT SOURCE CHANNEL [SECONDS [CA.crt [OWN.crt OWN.key]]]
 *
 * The plant: a connector `{name: stream, type: burst, port: PORT}`, and a float32 sensor whose address on it is CHANNEL. */
#define _POSIX_C_SOURCE 200809L
#define MILLWRIGHT_BURST_IMPLEMENTATION
#include "millwright_burst.h"

#include <math.h>
#include <signal.h>

#define PER_BLOCK 100 /* readings; ten blocks a second */

static void say(void *context, const char *text) {
  (void)context;
  fprintf(stderr, "%s\n", text);
}

#ifdef MILLWRIGHT_BURST_OPENSSL
static int secure(mwb_security *security, const char *authority, const char *certificate, const char *key) {
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  if (!context || SSL_CTX_load_verify_locations(context, authority, NULL) != 1) return 0;
  if (certificate && SSL_CTX_use_certificate_chain_file(context, certificate) != 1) return 0;
  if (key && SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) return 0;
  *security = mwb_openssl(context);
  return 1;
}
#endif

int main(int count, char **words) {
  if (count < 5) {
    fprintf(stderr, "usage: %s HOST PORT SOURCE CHANNEL [SECONDS [CA.crt [OWN.crt OWN.key]]]\n", words[0]);
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  mwb_options options = {.host = words[1], .port = (uint16_t)atoi(words[2]), .source = words[3], .on_problem = say};
  const long blocks = count > 5 ? 10 * atol(words[5]) : -1;
#ifdef MILLWRIGHT_BURST_OPENSSL
  mwb_security security;
  if (count > 6) {
    if (!secure(&security, words[6], count > 8 ? words[7] : NULL, count > 8 ? words[8] : NULL)) {
      fprintf(stderr, "a certificate or key cannot be used\n");
      return 2;
    }
    options.security = &security;
  }
#endif
  mwb_sender *sender = mwb_open(&options);
  const int channel = sender ? mwb_channel(sender, words[4], MWB_FLOAT32) : -1;
  if (channel < 0) {
    fprintf(stderr, "host, port, source or channel: one is no good\n");
    return 2;
  }
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  const int64_t start = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec, period = 1000000;
  for (int64_t i = 0, block = 0; blocks < 0 || block < blocks; block++) {
    float values[PER_BLOCK];
    const int64_t first = start + i * period;
    for (int k = 0; k < PER_BLOCK; k++, i++) values[k] = (float)sin(2 * 3.14159265358979 * (double)i / 1000);
    int status;
    while ((status = mwb_add(sender, channel, first, period, values, PER_BLOCK)) == MWB_FULL) mwb_poll(sender, 100);
    if (status == MWB_OK) status = mwb_flush(sender);
    if (status != MWB_OK) return 1;
    for (int64_t due = first + PER_BLOCK * period;;) {
      clock_gettime(CLOCK_REALTIME, &now);
      const int64_t left = (due - (int64_t)now.tv_sec * 1000000000 - now.tv_nsec) / 1000000;
      if (left <= 0) break;
      mwb_poll(sender, (int)left);
    }
  }
  const int status = mwb_drain(sender, 60000);
  printf("%llu frames, %llu durable\n", (unsigned long long)mwb_flushed(sender), (unsigned long long)mwb_durable(sender));
  mwb_close(sender);
#ifdef MILLWRIGHT_BURST_OPENSSL
  if (options.security) SSL_CTX_free((SSL_CTX *)security.context);
#endif
  return status == MWB_OK ? 0 : 1;
}
