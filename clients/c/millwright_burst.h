/* A sender of Millwright's burst stream (docs/format/burst.md) in one header, for gateways and machines: C99, POSIX sockets, nothing else.
 *
 *   #define MILLWRIGHT_BURST_IMPLEMENTATION    in one source file, before
 *   #include "millwright_burst.h"
 *
 *   mwb_options options = {.host = "10.0.0.5", .port = 7411, .source = "press-7"};
 *   mwb_sender *sender = mwb_open(&options);
 *   int force = mwb_channel(sender, "force", MWB_FLOAT32);
 *   for (;;) {
 *     mwb_add(sender, force, first_ns, period_ns, values, count);   // a block of readings
 *     mwb_flush(sender);                                            // ends the frame
 *     mwb_poll(sender, 10);                                         // connects, sends, listens, for at most 10 ms
 *   }
 *
 * What is promised: a frame is kept until the receiver has it on its disk, through lost connections and its crashes, and is stored once.
 * What is not: a frame does not survive the end of this process. Where the buffer is full, mwb_add and mwb_flush say MWB_FULL and take
 * nothing: poll and try again, or give up the oldest readings by mwb_drop_oldest, which the receiver is told.
 *
 * Threads: a sender has one owner. Nothing blocks for longer than it is asked to, but for the look-up of a host's name.
 * Units: times are ns since 1970-01-01 UTC, waits ms, sizes bytes. Errors: negative, an mwb_status.
 * License: as Millwright's. */
#ifndef MILLWRIGHT_BURST_H
#define MILLWRIGHT_BURST_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mwb_sender mwb_sender;

/* Bytes of a value: 8, 4, 8, 1 (0 or 1), 4 (int32, a code that the plant's model names). */
typedef enum { MWB_FLOAT64 = 0, MWB_FLOAT32 = 1, MWB_INT64 = 2, MWB_BOOL = 3, MWB_STATE = 4 } mwb_type;

typedef enum {
  MWB_OK = 0,
  MWB_FULL = -1,         /* the buffer is: nothing was taken */
  MWB_BAD_ARGUMENT = -2, /* nothing was taken */
  MWB_NO_MEMORY = -3,    /* nothing was taken */
  MWB_TIMEOUT = -4       /* not all is durable yet */
} mwb_status;

#define MWB_GOOD 0x00000000u /* qualities are OPC UA status codes */
#define MWB_UNCERTAIN 0x40000000u
#define MWB_BAD 0x80000000u

/* What secures a connection; see MILLWRIGHT_BURST_OPENSSL below. read and write give the bytes done, 0 where they must wait, -1 at an end
 * or error. shake takes one step of a handshake: 1 done, 0 wait for bytes, 2 wait for room, -1 failed. */
typedef struct {
  void *(*begin)(void *context, int socket, const char *host);
  int (*shake)(void *session);
  long (*read)(void *session, void *bytes, size_t size);
  long (*write)(void *session, const void *bytes, size_t size);
  void (*end)(void *session);
  void *context;
} mwb_security;

typedef struct {
  const char *host;
  uint16_t port;
  const char *source;   /* the sender's name, the same at every start; 1 to 512 bytes of UTF-8 */
  const char *client;   /* for the receiver's log; NULL: "c" */
  uint64_t epoch;       /* greater at every start; 0: the clock's ns */
  size_t buffer_bytes;  /* of what is kept until it is durable; 0: 64 MiB */
  const mwb_security *security; /* NULL: plain TCP */
  /* Told of what goes wrong: lost connections, refused channels. The text is good during the call. NULL: nobody is. */
  void (*on_problem)(void *context, const char *text);
  void *problem_context;
} mwb_options;

/* Readings of one channel. `times` of each, or, where it is NULL, `start` and `period`. `qualities` of each; NULL: all good. */
typedef struct {
  int channel;
  size_t count;
  int64_t start, period;
  const int64_t *times;
  const uint32_t *qualities;
  const void *values;
} mwb_block;

/* Copies what the options point at, but `security`, which must live as long. Does not connect yet: mwb_poll does. NULL: a source, host or
 * port is missing or too long, or there is no memory. */
mwb_sender *mwb_open(const mwb_options *options);
/* What is not durable is given up. */
void mwb_close(mwb_sender *sender);

/* The channel's number. `name` is the address that a sensor of the plant's model has on this connector, 1 to 512 bytes. */
int mwb_channel(mwb_sender *sender, const char *name, mwb_type type);

/* Adds readings to the frame that is being made; a frame of 64 KiB is flushed by itself. Any count. */
int mwb_add(mwb_sender *sender, int channel, int64_t start, int64_t period, const void *values, size_t count);
int mwb_add_block(mwb_sender *sender, const mwb_block *block);
/* Ends the frame that is being made: from now on mwb_poll sends it. Nothing where nothing was added. */
int mwb_flush(mwb_sender *sender);

/* Connects where it is not, sends what waits, takes acknowledgements; waits for at most `wait_ms` where there is nothing to do. To be called
 * every few seconds at least, also with nothing to send. */
int mwb_poll(mwb_sender *sender, int wait_ms);
/* Flushes and polls until all is durable: MWB_OK; or MWB_TIMEOUT. */
int mwb_drain(mwb_sender *sender, int wait_ms);

/* Gives up the oldest frames, at least `bytes` of them; the readings in them, which the receiver is told. */
uint64_t mwb_drop_oldest(mwb_sender *sender, size_t bytes);

uint64_t mwb_flushed(const mwb_sender *sender); /* frames so far */
uint64_t mwb_durable(const mwb_sender *sender); /* of these */
size_t mwb_kept_bytes(const mwb_sender *sender);
int mwb_connected(const mwb_sender *sender); /* 1: the receiver has answered */

#ifdef MILLWRIGHT_BURST_OPENSSL
#include <openssl/ssl.h>
/* TLS by OpenSSL 1.1.1 or newer. `context` has the authorities (and a certificate where the receiver asks for one); the receiver's
 * certificate must be good, and for the host. OpenSSL writes to sockets that may be closed: the program must ignore SIGPIPE. */
mwb_security mwb_openssl(SSL_CTX *context);
#endif

#ifdef __cplusplus
}
#endif
#endif /* MILLWRIGHT_BURST_H */

/* ---- how ------------------------------------------------------------------------------------------------------------------------------ */

#ifdef MILLWRIGHT_BURST_IMPLEMENTATION

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
  mwb_kHello = 1, mwb_kWelcome, mwb_kDeclare, mwb_kData, mwb_kAck, mwb_kError, mwb_kPing, mwb_kPong,
  mwb_kHeaderBytes = 24,
  mwb_kFrameBytes = 64 << 10,      /* a frame is flushed at */
  mwb_kReceivedBytesMax = 8 << 10, /* of any message that a receiver sends */
  mwb_kNameBytesMax = 512,
  mwb_kClientBytesMax = 1024,
  mwb_kBlockReadingsMax = 8192,
  mwb_kSilenceMs = 10000,
  mwb_kPauseMsMin = 100,
  mwb_kPauseMsMax = 5000
};

typedef struct { /* growing bytes */
  unsigned char *data;
  size_t size, room;
} mwb_bytes;

typedef struct mwb_frame {
  struct mwb_frame *next;
  uint64_t sequence;
  uint64_t readings;
  size_t size;
  unsigned char *data; /* header and payload */
} mwb_frame;

typedef struct {
  char *name;
  mwb_type type;
} mwb_named;

typedef enum { mwb_kApart, mwb_kConnecting, mwb_kShaking, mwb_kGreeting, mwb_kServing } mwb_state;

struct mwb_sender {
  char *host, *source, *client;
  uint16_t port;
  const mwb_security *security;
  void (*on_problem)(void *, const char *);
  void *problem_context;
  uint64_t epoch, made, durable, dropped, random;
  size_t buffer_bytes, kept_bytes;
  mwb_named *channels;
  size_t channel_count, channel_room, declared;
  mwb_frame *first, *last, *to_send; /* to_send: the next that this connection has not had; NULL: none */
  mwb_bytes making;                  /* header, count and blocks of the frame that is being made */
  uint32_t making_blocks;
  uint64_t making_readings;
  mwb_state state;
  int socket;
  void *session;
  int wants_room;     /* the handshake does */
  mwb_bytes out, in;  /* control messages and the frame on its way; what has come */
  size_t out_at;
  int64_t heard_ms, said_ms, try_at_ms;
  int tries;
  uint32_t idle_ms;
};

static int64_t mwb_now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static uint64_t mwb_clock_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* CRC32C, a byte at a time. */
static uint32_t mwb_crc(uint32_t crc, const unsigned char *data, size_t size) {
  static uint32_t table[256];
  if (table[1] == 0) {
    for (uint32_t i = 0; i < 256; i++) {
      uint32_t row = i;
      for (int bit = 0; bit < 8; bit++) row = (row >> 1) ^ ((row & 1) ? 0x82F63B78u : 0);
      table[i] = row;
    }
  }
  for (size_t i = 0; i < size; i++) crc = (crc >> 8) ^ table[(crc ^ data[i]) & 0xFF];
  return crc;
}

static void mwb_store(unsigned char *at, uint64_t number, int bytes) {
  for (int i = 0; i < bytes; i++) at[i] = (unsigned char)(number >> (8 * i));
}

static uint64_t mwb_load(const unsigned char *at, int bytes) {
  uint64_t number = 0;
  for (int i = 0; i < bytes; i++) number |= (uint64_t)at[i] << (8 * i);
  return number;
}

/* Room for `more` bytes, to be filled by the caller; NULL: no memory. */
static unsigned char *mwb_grow(mwb_bytes *bytes, size_t more) {
  if (bytes->size + more > bytes->room) {
    size_t room = bytes->room ? bytes->room : 1024;
    while (room < bytes->size + more) room *= 2;
    unsigned char *data = (unsigned char *)realloc(bytes->data, room);
    if (!data) return NULL;
    bytes->data = data;
    bytes->room = room;
  }
  bytes->size += more;
  return bytes->data + bytes->size - more;
}

static int mwb_put(mwb_bytes *bytes, uint64_t number, int width) {
  unsigned char *at = mwb_grow(bytes, (size_t)width);
  if (at) mwb_store(at, number, width);
  return at != NULL;
}

static int mwb_put_text(mwb_bytes *bytes, const char *text) {
  const size_t size = strlen(text);
  unsigned char *at = mwb_grow(bytes, 2 + size);
  if (!at) return 0;
  mwb_store(at, size, 2);
  memcpy(at + 2, text, size);
  return 1;
}

/* Fills in the header of a message whose payload stands behind it. */
static void mwb_seal(unsigned char *message, size_t size, int type, uint64_t sequence) {
  memcpy(message, "MWB1", 4);
  message[4] = 1;
  message[5] = (unsigned char)type;
  mwb_store(message + 6, 0, 2);
  mwb_store(message + 8, sequence, 8);
  mwb_store(message + 16, size - mwb_kHeaderBytes, 4);
  uint32_t crc = mwb_crc(0xFFFFFFFFu, message, 20);
  crc = mwb_crc(crc, message + mwb_kHeaderBytes, size - mwb_kHeaderBytes);
  mwb_store(message + 20, crc ^ 0xFFFFFFFFu, 4);
}

static void mwb_tell(mwb_sender *s, const char *what, const char *detail) {
  char text[1400];
  if (!s->on_problem) return;
  snprintf(text, sizeof text, "%s:%u: %s%s%s", s->host, (unsigned)s->port, what, *detail ? ": " : "", detail);
  s->on_problem(s->problem_context, text);
}

static char *mwb_copy(const char *text) {
  char *copy = (char *)malloc(strlen(text) + 1);
  if (copy) strcpy(copy, text);
  return copy;
}

mwb_sender *mwb_open(const mwb_options *options) {
  const char *client = options->client ? options->client : "c";
  if (!options->host || !*options->host || !options->port || !options->source || !*options->source) return NULL;
  if (strlen(options->source) > mwb_kNameBytesMax || strlen(client) > mwb_kClientBytesMax) return NULL;
  mwb_sender *s = (mwb_sender *)calloc(1, sizeof *s);
  if (!s) return NULL;
  s->host = mwb_copy(options->host);
  s->source = mwb_copy(options->source);
  s->client = mwb_copy(client);
  s->port = options->port;
  s->security = options->security;
  s->on_problem = options->on_problem;
  s->problem_context = options->problem_context;
  s->epoch = options->epoch ? options->epoch : mwb_clock_ns();
  s->random = s->epoch | 1;
  s->buffer_bytes = options->buffer_bytes ? options->buffer_bytes : (size_t)64 << 20;
  s->socket = -1;
  if (s->host && s->source && s->client) return s;
  mwb_close(s);
  return NULL;
}

static void mwb_disconnect(mwb_sender *s) {
  if (s->session) s->security->end(s->session);
  if (s->socket >= 0) close(s->socket);
  s->session = NULL;
  s->socket = -1;
  s->state = mwb_kApart;
  s->out.size = s->out_at = s->in.size = 0;
  s->declared = 0;
  s->to_send = s->first;
}

void mwb_close(mwb_sender *s) {
  if (!s) return;
  mwb_disconnect(s);
  while (s->first) {
    mwb_frame *next = s->first->next;
    free(s->first->data);
    free(s->first);
    s->first = next;
  }
  for (size_t i = 0; i < s->channel_count; i++) free(s->channels[i].name);
  free(s->channels);
  free(s->making.data);
  free(s->out.data);
  free(s->in.data);
  free(s->host);
  free(s->source);
  free(s->client);
  free(s);
}

int mwb_channel(mwb_sender *s, const char *name, mwb_type type) {
  if (!name || !*name || strlen(name) > mwb_kNameBytesMax || type > MWB_STATE) return MWB_BAD_ARGUMENT;
  for (size_t i = 0; i < s->channel_count; i++) {
    if (strcmp(s->channels[i].name, name) == 0) return s->channels[i].type == type ? (int)i : MWB_BAD_ARGUMENT;
  }
  if (s->channel_count >= 1048576) return MWB_FULL;
  if (s->channel_count == s->channel_room) {
    const size_t room = s->channel_room ? 2 * s->channel_room : 16;
    mwb_named *channels = (mwb_named *)realloc(s->channels, room * sizeof *channels);
    if (!channels) return MWB_NO_MEMORY;
    s->channels = channels;
    s->channel_room = room;
  }
  char *copy = mwb_copy(name);
  if (!copy) return MWB_NO_MEMORY;
  s->channels[s->channel_count].name = copy;
  s->channels[s->channel_count].type = type;
  return (int)s->channel_count++;
}

static size_t mwb_width(mwb_type type) {
  static const size_t widths[] = {8, 4, 8, 1, 4};
  return widths[type];
}

static size_t mwb_runs(const uint32_t *qualities, size_t count) {
  size_t runs = count > 0;
  for (size_t i = 1; i < count; i++) runs += qualities[i] != qualities[i - 1];
  return runs;
}

static unsigned char *mwb_write_qualities(unsigned char *at, const uint32_t *qualities, size_t count) {
  mwb_store(at, mwb_runs(qualities, count), 2);
  at += 2;
  for (size_t from = 0, to; from < count; from = to) {
    for (to = from + 1; to < count && qualities[to] == qualities[from]; to++) {
    }
    mwb_store(at, to - from, 2);
    mwb_store(at + 2, qualities[from], 4);
    at += 6;
  }
  return at;
}

static void mwb_write_values(unsigned char *at, const void *values, size_t count, size_t width) {
  const unsigned char *from = (const unsigned char *)values;
  const uint16_t one = 1;
  const int little = *(const unsigned char *)&one;
  if (little || width == 1) {
    memcpy(at, from, count * width);
    return;
  }
  for (size_t i = 0; i < count * width; i++) at[i] = from[i / width * width + width - 1 - i % width];
}

/* At most mwb_kBlockReadingsMax readings. */
static int mwb_add_one(mwb_sender *s, const mwb_block *b) {
  const mwb_type type = s->channels[b->channel].type;
  const size_t width = mwb_width(type);
  const size_t head = s->making.size ? 0 : mwb_kHeaderBytes + 4;
  const size_t times = b->times ? 8 * b->count : 16;
  const size_t qualities = b->qualities ? 2 + 6 * mwb_runs(b->qualities, b->count) : 0;
  const size_t size = head + 8 + times + qualities + width * b->count;
  if (s->kept_bytes + s->making.size + size > s->buffer_bytes) return MWB_FULL;
  unsigned char *at = mwb_grow(&s->making, size);
  if (!at) return MWB_NO_MEMORY;
  at += head;
  mwb_store(at, (uint64_t)b->channel, 4);
  at[4] = (unsigned char)type;
  at[5] = (unsigned char)((b->times ? 1 : 0) | (b->qualities ? 2 : 0));
  mwb_store(at + 6, b->count, 2);
  at += 8;
  if (b->times) {
    for (size_t i = 0; i < b->count; i++, at += 8) mwb_store(at, (uint64_t)b->times[i], 8);
  } else {
    mwb_store(at, (uint64_t)b->start, 8);
    mwb_store(at + 8, (uint64_t)b->period, 8);
    at += 16;
  }
  if (b->qualities) at = mwb_write_qualities(at, b->qualities, b->count);
  mwb_write_values(at, b->values, b->count, width);
  s->making_blocks++;
  s->making_readings += b->count;
  if (s->making.size >= mwb_kFrameBytes) mwb_flush(s); /* where that fails it is a larger frame */
  return MWB_OK;
}

/* Bytes that the whole of it may take, so that it is taken whole or not at all. */
static size_t mwb_bytes_of(const mwb_sender *s, const mwb_block *b) {
  const size_t width = mwb_width(s->channels[b->channel].type) + (b->times ? 8 : 0) + (b->qualities ? 6 : 0);
  return b->count * width + (b->count / mwb_kBlockReadingsMax + 1) * (mwb_kHeaderBytes + 32);
}

int mwb_add_block(mwb_sender *s, const mwb_block *whole) {
  if (whole->channel < 0 || (size_t)whole->channel >= s->channel_count || !whole->values || whole->period < 0) return MWB_BAD_ARGUMENT;
  if (s->kept_bytes + s->making.size + mwb_bytes_of(s, whole) > s->buffer_bytes) return MWB_FULL;
  const size_t width = mwb_width(s->channels[whole->channel].type);
  for (size_t from = 0; from < whole->count; from += mwb_kBlockReadingsMax) {
    mwb_block part = *whole;
    part.count = whole->count - from;
    if (part.count > mwb_kBlockReadingsMax) part.count = mwb_kBlockReadingsMax;
    part.start = (int64_t)((uint64_t)whole->start + (uint64_t)whole->period * from);
    part.values = (const unsigned char *)whole->values + from * width;
    if (part.times) part.times += from;
    if (part.qualities) part.qualities += from;
    const int status = mwb_add_one(s, &part);
    if (status != MWB_OK) return status;
  }
  return MWB_OK;
}

int mwb_add(mwb_sender *s, int channel, int64_t start, int64_t period, const void *values, size_t count) {
  const mwb_block block = {channel, count, start, period, NULL, NULL, values};
  return mwb_add_block(s, &block);
}

int mwb_flush(mwb_sender *s) {
  if (!s->making.size) return MWB_OK;
  mwb_frame *frame = (mwb_frame *)calloc(1, sizeof *frame);
  if (!frame) return MWB_NO_MEMORY;
  mwb_store(s->making.data + mwb_kHeaderBytes, s->making_blocks, 4);
  frame->sequence = ++s->made;
  frame->readings = s->making_readings;
  frame->size = s->making.size;
  frame->data = s->making.data;
  mwb_seal(frame->data, frame->size, mwb_kData, frame->sequence);
  memset(&s->making, 0, sizeof s->making);
  s->making_blocks = 0;
  s->making_readings = 0;
  s->kept_bytes += frame->size;
  if (s->last) s->last->next = frame; else s->first = frame;
  s->last = frame;
  if (!s->to_send) s->to_send = frame;
  return MWB_OK;
}

static uint64_t mwb_take_first(mwb_sender *s) {
  mwb_frame *frame = s->first;
  const uint64_t readings = frame->readings;
  if (s->to_send == frame) s->to_send = frame->next;
  s->first = frame->next;
  if (!s->first) s->last = NULL;
  s->kept_bytes -= frame->size;
  free(frame->data);
  free(frame);
  return readings;
}

uint64_t mwb_drop_oldest(mwb_sender *s, size_t bytes) {
  uint64_t readings = 0;
  size_t given_up = 0;
  int unsent = 0;
  while (s->first && given_up < bytes) {
    unsent |= s->first == s->to_send;
    given_up += s->first->size;
    readings += mwb_take_first(s);
  }
  s->dropped += readings;
  /* Within a connection no sequence may be left out. */
  if (unsent) mwb_disconnect(s);
  return readings;
}

static void mwb_acknowledge(mwb_sender *s, uint64_t sequence) {
  if (sequence > s->durable && sequence <= s->made) s->durable = sequence;
  while (s->first && s->first->sequence <= s->durable) mwb_take_first(s);
}

static int mwb_lost(mwb_sender *s, const char *what, const char *detail) {
  int64_t most = (int64_t)mwb_kPauseMsMin << (s->tries < 6 ? s->tries : 6);
  if (most > mwb_kPauseMsMax) most = mwb_kPauseMsMax;
  s->random = s->random * 6364136223846793005u + 1442695040888963407u;
  s->try_at_ms = mwb_now_ms() + most / 2 + (int64_t)((s->random >> 33) % (uint64_t)(most / 2 + 1));
  s->tries++;
  mwb_disconnect(s);
  mwb_tell(s, what, detail);
  return MWB_OK; /* it is tried again */
}

/* A control message behind what goes out. */
static int mwb_say(mwb_sender *s, int type, const mwb_bytes *payload) {
  unsigned char *at = mwb_grow(&s->out, mwb_kHeaderBytes + payload->size);
  if (!at) return 0;
  if (payload->size) memcpy(at + mwb_kHeaderBytes, payload->data, payload->size);
  mwb_seal(at, mwb_kHeaderBytes + payload->size, type, 0);
  return 1;
}

static int mwb_hello(mwb_sender *s) {
  mwb_bytes payload = {NULL, 0, 0};
  const uint64_t oldest = s->first ? s->first->sequence : s->made + 1;
  const int good = mwb_put(&payload, s->epoch, 8) && mwb_put(&payload, oldest, 8) && mwb_put(&payload, s->dropped, 8) &&
                   mwb_put_text(&payload, s->source) && mwb_put_text(&payload, s->client) && mwb_say(s, mwb_kHello, &payload);
  free(payload.data);
  return good;
}

/* Channels that this connection does not know yet, some hundred at a time. */
static int mwb_declare(mwb_sender *s) {
  while (s->declared < s->channel_count) {
    const size_t left = s->channel_count - s->declared, count = left < 256 ? left : 256;
    mwb_bytes payload = {NULL, 0, 0};
    int good = mwb_put(&payload, count, 4);
    for (size_t i = s->declared; i < s->declared + count; i++) {
      good = good && mwb_put(&payload, i, 4) && mwb_put(&payload, s->channels[i].type, 1) && mwb_put_text(&payload, s->channels[i].name);
    }
    good = good && mwb_say(s, mwb_kDeclare, &payload);
    free(payload.data);
    if (!good) return 0;
    s->declared += count;
  }
  return 1;
}

static int mwb_ping(mwb_sender *s) {
  mwb_bytes payload = {NULL, 0, 0};
  const int good = mwb_put(&payload, s->made, 8) && mwb_put(&payload, s->dropped, 8) && mwb_say(s, mwb_kPing, &payload);
  free(payload.data);
  return good;
}

/* The epoch is used up: what is kept begins at 1 of one that is greater. */
static void mwb_new_epoch(mwb_sender *s, uint64_t greater_than) {
  const uint64_t now = mwb_clock_ns();
  s->epoch = now > greater_than ? now : greater_than + 1;
  s->made = s->durable = s->dropped = 0;
  for (mwb_frame *frame = s->first; frame; frame = frame->next) {
    frame->sequence = ++s->made;
    mwb_seal(frame->data, frame->size, mwb_kData, frame->sequence);
  }
}

static int mwb_on_welcome(mwb_sender *s, const unsigned char *payload, size_t size) {
  if (s->state != mwb_kGreeting || size < 24) return 0;
  const uint64_t epoch = mwb_load(payload, 8);
  /* More is durable than was made: the epoch was used before. */
  if (epoch > s->epoch || mwb_load(payload + 8, 8) > s->made) {
    mwb_new_epoch(s, epoch);
    s->tries = 0;
    mwb_lost(s, "another sender had this name, or the clock went back; it begins anew", "");
    return 1;
  }
  mwb_acknowledge(s, mwb_load(payload + 8, 8));
  s->idle_ms = (uint32_t)mwb_load(payload + 20, 4);
  s->state = mwb_kServing;
  s->tries = 0;
  s->to_send = s->first;
  return 1;
}

static int mwb_on_message(mwb_sender *s, int type, const unsigned char *payload, size_t size) {
  switch (type) {
    case mwb_kWelcome:
      return mwb_on_welcome(s, payload, size);
    case mwb_kAck:
      if (size != 16) return 0;
      if (mwb_load(payload, 8) == s->epoch) mwb_acknowledge(s, mwb_load(payload + 8, 8));
      return 1;
    case mwb_kError: {
      char text[1100];
      if (size < 8 || mwb_load(payload + 6, 2) != size - 8) return 0;
      const int number = (int)mwb_load(payload, 2);
      snprintf(text, sizeof text, "error %d: %.*s", number, (int)(size - 8), (const char *)payload + 8);
      if (number < 100) mwb_lost(s, "the receiver ends the connection", text);
      else mwb_tell(s, "a channel is refused", text);
      return 1;
    }
    default:
      return type == mwb_kPong;
  }
}

/* All messages that have come whole. */
static int mwb_take_messages(mwb_sender *s) {
  size_t at = 0;
  int good = 1;
  while (good && s->in.size - at >= mwb_kHeaderBytes) {
    const unsigned char *message = s->in.data + at;
    const size_t size = (size_t)mwb_load(message + 16, 4);
    if (memcmp(message, "MWB1\1", 5) != 0 || size > mwb_kReceivedBytesMax) return 0;
    if (s->in.size - at < mwb_kHeaderBytes + size) break;
    const uint32_t crc = mwb_crc(mwb_crc(0xFFFFFFFFu, message, 20), message + mwb_kHeaderBytes, size);
    if ((crc ^ 0xFFFFFFFFu) != mwb_load(message + 20, 4)) return 0;
    good = mwb_on_message(s, message[5], message + mwb_kHeaderBytes, size);
    if (s->state == mwb_kApart) return 1; /* it was ended, and `in` with it */
    at += mwb_kHeaderBytes + size;
  }
  if (at) memmove(s->in.data, s->in.data + at, s->in.size - at);
  s->in.size -= at;
  return good;
}

static long mwb_read(mwb_sender *s, void *bytes, size_t size) {
  if (s->session) return s->security->read(s->session, bytes, size);
  const ssize_t got = recv(s->socket, bytes, size, 0);
  if (got > 0) return (long)got;
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) ? 0 : -1;
}

static long mwb_write(mwb_sender *s, const void *bytes, size_t size) {
  if (s->session) return s->security->write(s->session, bytes, size);
  const ssize_t put = send(s->socket, bytes, size, MSG_NOSIGNAL);
  if (put >= 0) return (long)put;
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -1;
}

static int mwb_receive(mwb_sender *s) {
  for (;;) {
    unsigned char *at = mwb_grow(&s->in, 4096);
    if (!at) return mwb_lost(s, "no memory", "");
    const long got = mwb_read(s, at, 4096);
    s->in.size -= 4096 - (size_t)(got > 0 ? got : 0);
    if (got < 0) return mwb_lost(s, "the connection ended", "");
    if (got == 0) return MWB_OK;
    s->heard_ms = mwb_now_ms();
    if (!mwb_take_messages(s)) return mwb_lost(s, "what answers speaks no burst stream", "");
    if (s->state == mwb_kApart) return MWB_OK;
  }
}

/* Control messages first, then a frame at a time, from where it is kept. */
static int mwb_send(mwb_sender *s) {
  for (;;) {
    if (s->out_at == s->out.size) {
      s->out.size = s->out_at = 0;
      if (s->state != mwb_kServing) return MWB_OK;
      if (!mwb_declare(s)) return mwb_lost(s, "no memory", "");
      if (s->out.size == 0) {
        if (!s->to_send) return MWB_OK;
        unsigned char *at = mwb_grow(&s->out, s->to_send->size);
        if (!at) return mwb_lost(s, "no memory", "");
        memcpy(at, s->to_send->data, s->to_send->size);
        s->to_send = s->to_send->next;
      }
    }
    const long put = mwb_write(s, s->out.data + s->out_at, s->out.size - s->out_at);
    if (put < 0) return mwb_lost(s, "the connection ended", strerror(errno));
    if (put == 0) return MWB_OK;
    s->out_at += (size_t)put;
    s->said_ms = mwb_now_ms();
  }
}

static void mwb_connect(mwb_sender *s) {
  char port[8];
  struct addrinfo hints, *found = NULL;
  memset(&hints, 0, sizeof hints);
  hints.ai_socktype = SOCK_STREAM;
  snprintf(port, sizeof port, "%u", (unsigned)s->port);
  const int failed = getaddrinfo(s->host, port, &hints, &found);
  if (failed) {
    mwb_lost(s, "no such host", gai_strerror(failed));
    return;
  }
  /* The addresses in turn, one a try. */
  const struct addrinfo *address = found;
  for (int skip = s->tries; skip > 0; skip--) address = address->ai_next ? address->ai_next : found;
  s->heard_ms = s->said_ms = mwb_now_ms();
  s->socket = socket(address->ai_family, address->ai_socktype, address->ai_protocol);
  const int one = 1;
  const int begun = s->socket >= 0 && fcntl(s->socket, F_SETFL, O_NONBLOCK) == 0 && fcntl(s->socket, F_SETFD, FD_CLOEXEC) == 0 &&
                    setsockopt(s->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0 &&
                    (connect(s->socket, address->ai_addr, address->ai_addrlen) == 0 || errno == EINPROGRESS);
  freeaddrinfo(found);
  if (begun) s->state = mwb_kConnecting;
  else mwb_lost(s, "cannot connect", strerror(errno));
}

static void mwb_greet(mwb_sender *s) {
  s->state = mwb_kGreeting;
  if (!mwb_hello(s)) mwb_lost(s, "no memory", "");
}

static void mwb_shake(mwb_sender *s) {
  const int step = s->security->shake(s->session);
  s->wants_room = step == 2;
  if (step < 0) mwb_lost(s, "the secure connection was refused", "its certificate or ours is not accepted, or it speaks no TLS");
  else if (step == 1) mwb_greet(s);
}

static void mwb_on_connected(mwb_sender *s) {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(s->socket, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error) {
    mwb_lost(s, "cannot connect", strerror(error));
    return;
  }
  if (!s->security) {
    mwb_greet(s);
    return;
  }
  s->session = s->security->begin(s->security->context, s->socket, s->host);
  if (!s->session) {
    mwb_lost(s, "no secure connection could be begun", "");
    return;
  }
  s->state = mwb_kShaking;
  mwb_shake(s);
}

static void mwb_step(mwb_sender *s, short happened) {
  switch (s->state) {
    case mwb_kConnecting:
      if (happened) mwb_on_connected(s);
      break;
    case mwb_kShaking:
      if (happened) mwb_shake(s);
      break;
    default:
      if (happened & (POLLIN | POLLHUP | POLLERR)) mwb_receive(s);
      break;
  }
  if (s->state >= mwb_kGreeting) mwb_send(s);
}

static void mwb_keep_alive(mwb_sender *s, int64_t now) {
  if (s->state == mwb_kApart) return;
  if (now - s->heard_ms > mwb_kSilenceMs) {
    mwb_lost(s, "nothing was heard for 10 s", "");
    return;
  }
  /* A third of what is allowed; and often enough to hear of a receiver that is gone. */
  const int64_t every = s->idle_ms / 3 < 3000 ? s->idle_ms / 3 : 3000;
  if (s->state == mwb_kServing && s->out.size == s->out_at && now - s->said_ms >= every && !mwb_ping(s)) mwb_lost(s, "no memory", "");
}

static int mwb_waits_for_room(const mwb_sender *s) {
  if (s->state == mwb_kConnecting) return 1;
  if (s->state == mwb_kShaking) return s->wants_room;
  return s->out_at < s->out.size || (s->state == mwb_kServing && (s->to_send || s->declared < s->channel_count));
}

int mwb_poll(mwb_sender *s, int wait_ms) {
  const int64_t end = mwb_now_ms() + (wait_ms > 0 ? wait_ms : 0);
  const uint64_t durable = s->durable;
  for (;;) {
    const int64_t now = mwb_now_ms();
    if (s->state == mwb_kApart && now >= s->try_at_ms) mwb_connect(s);
    int64_t wait = end - now;
    if (s->state == mwb_kApart) {
      if (wait <= 0) return MWB_OK;
      const int64_t until = s->try_at_ms > now ? s->try_at_ms - now : 1;
      poll(NULL, 0, (int)(wait < until ? wait : until));
      continue;
    }
    if (wait > 1000) wait = 1000; /* for what is to be said now and then */
    struct pollfd look = {s->socket, (short)(POLLIN | (mwb_waits_for_room(s) ? POLLOUT : 0)), 0};
    poll(&look, 1, wait > 0 ? (int)wait : 0);
    mwb_step(s, look.revents);
    mwb_keep_alive(s, mwb_now_ms());
    if (mwb_now_ms() >= end || s->durable != durable) return MWB_OK;
  }
}

int mwb_drain(mwb_sender *s, int wait_ms) {
  const int64_t end = mwb_now_ms() + wait_ms;
  const int status = mwb_flush(s);
  if (status != MWB_OK) return status;
  while (s->first) {
    const int64_t left = end - mwb_now_ms();
    if (left <= 0) return MWB_TIMEOUT;
    mwb_poll(s, (int)left);
  }
  return MWB_OK;
}

uint64_t mwb_flushed(const mwb_sender *s) { return s->made; }
uint64_t mwb_durable(const mwb_sender *s) { return s->durable; }
size_t mwb_kept_bytes(const mwb_sender *s) { return s->kept_bytes + s->making.size; }
int mwb_connected(const mwb_sender *s) { return s->state == mwb_kServing; }

#ifdef MILLWRIGHT_BURST_OPENSSL
#include <openssl/err.h>

static void *mwb_tls_begin(void *context, int socket, const char *host) {
  SSL *tls = SSL_new((SSL_CTX *)context);
  if (!tls) return NULL;
  SSL_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_set_verify(tls, SSL_VERIFY_PEER, NULL);
  X509_VERIFY_PARAM *wanted = SSL_get0_param(tls);
  /* An address is looked for among the certificate's addresses, any other among its names. */
  const int named = X509_VERIFY_PARAM_set1_ip_asc(wanted, host) == 1 ||
                    (X509_VERIFY_PARAM_set1_host(wanted, host, 0) == 1 && SSL_set_tlsext_host_name(tls, host) == 1);
  ERR_clear_error();
  if (named && SSL_set_fd(tls, socket) == 1) {
    SSL_set_connect_state(tls);
    return tls;
  }
  SSL_free(tls);
  return NULL;
}

static int mwb_tls_shake(void *session) {
  ERR_clear_error();
  const int done = SSL_do_handshake((SSL *)session);
  if (done == 1) return 1;
  const int why = SSL_get_error((SSL *)session, done);
  return why == SSL_ERROR_WANT_READ ? 0 : why == SSL_ERROR_WANT_WRITE ? 2 : -1;
}

static long mwb_tls_outcome(void *session, int done) {
  if (done > 0) return done;
  const int why = SSL_get_error((SSL *)session, done);
  return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static long mwb_tls_read(void *session, void *bytes, size_t size) {
  ERR_clear_error();
  return mwb_tls_outcome(session, SSL_read((SSL *)session, bytes, (int)size));
}

static long mwb_tls_write(void *session, const void *bytes, size_t size) {
  ERR_clear_error();
  return mwb_tls_outcome(session, SSL_write((SSL *)session, bytes, (int)size));
}

static void mwb_tls_end(void *session) {
  SSL_free((SSL *)session);
}

mwb_security mwb_openssl(SSL_CTX *context) {
  const mwb_security security = {mwb_tls_begin, mwb_tls_shake, mwb_tls_read, mwb_tls_write, mwb_tls_end, context};
  return security;
}
#endif /* MILLWRIGHT_BURST_OPENSSL */

#endif /* MILLWRIGHT_BURST_IMPLEMENTATION */
