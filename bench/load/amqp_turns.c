/* The load of the curves, over librabbitmq as amqp_load.c: turns of a given time, and what a message can carry besides.
 *
 *   cc -O2 -o amqp_turns amqp_turns.c -lrabbitmq
 *   amqp_turns publish HOST PORT SECONDS WINDOW BYTES [NAME=VALUE ...]
 *   amqp_turns consume HOST PORT QUEUE COUNT PREFETCH CONNECTIONS ACK_EVERY
 *   amqp_turns idle HOST PORT QUEUE CONNECTIONS
 *
 * publish sends for SECONDS with confirms on and at most WINDOW unconfirmed, then waits for the confirms that are due.
 *   exchange=, key=: where to; a second %ld in the key is a number that counts up and wraps at keys=, the first is
 *   that number modulo spread=
 *   persistent=0|1, mandatory=0|1, priority=, expiration=
 *   headers=1: {"kind": "order", "area": "north"}; deduplication=1: another x-deduplication-header each time
 *   transaction=N: no confirms, a tx.commit after every N
 * consume takes COUNT messages with CONNECTIONS connections of one consumer each; ACK_EVERY 0: without acknowledgements,
 *   N: one (multiple) for every N deliveries of a connection.
 * idle opens CONNECTIONS connections, each with a channel and a consumer, says "open" and waits for the end of its input.
 * publish and consume print one line: messages, seconds, messages per second.
 */
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void fail(const char *what) {
  fprintf(stderr, "%s\n", what);
  exit(1);
}

static void must(amqp_rpc_reply_t r, const char *what) {
  if (r.reply_type == AMQP_RESPONSE_NORMAL) return;
  fprintf(stderr, "%s failed (reply type %d, library error %d)\n", what, r.reply_type, r.library_error);
  exit(1);
}

static amqp_connection_state_t dial(const char *host, int port) {
  amqp_connection_state_t c = amqp_new_connection();
  amqp_socket_t *s = amqp_tcp_socket_new(c);
  if (!s || amqp_socket_open(s, host, port)) fail("cannot connect");
  must(amqp_login(c, "/", 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest"), "login");
  amqp_channel_open(c, 1);
  must(amqp_get_rpc_reply(c), "channel.open");
  return c;
}

static const char *option(int argc, char **v, const char *name, const char *otherwise) {
  size_t length = strlen(name);
  for (int i = 7; i < argc; i++)
    if (!strncmp(v[i], name, length) && v[i][length] == '=') return v[i] + length + 1;
  return otherwise;
}

static long number(int argc, char **v, const char *name, long otherwise) {
  const char *text = option(argc, v, name, NULL);
  return text ? atol(text) : otherwise;
}

/* Which tags are confirmed: a server may confirm a later one by itself before it confirms all up to an earlier one. */
static struct {
  char *done;
  long room, lowest, count;
} confirms = {.lowest = 1};

static void mark(long tag) {
  while (tag >= confirms.room) {
    long room = confirms.room ? confirms.room * 2 : 1 << 20;
    confirms.done = realloc(confirms.done, room);
    if (!confirms.done) fail("no memory");
    memset(confirms.done + confirms.room, 0, room - confirms.room);
    confirms.room = room;
  }
  confirms.count += !confirms.done[tag];
  confirms.done[tag] = 1;
}

static void await_confirm(amqp_connection_state_t c) {
  amqp_frame_t f;
  if (amqp_simple_wait_frame(c, &f)) fail("connection lost");
  if (f.frame_type != AMQP_FRAME_METHOD) return;
  if (f.payload.method.id != AMQP_BASIC_ACK_METHOD) fail("a method that is no confirm");
  amqp_basic_ack_t *a = f.payload.method.decoded;
  long tag = (long)a->delivery_tag;
  if (a->multiple)
    while (confirms.lowest <= tag) mark(confirms.lowest++);
  else
    mark(tag);
  amqp_maybe_release_buffers(c);
}

static int publish(int argc, char **v) {
  double seconds = atof(v[4]);
  long window = atol(v[5]), bytes = atol(v[6]), keys = number(argc, v, "keys", 1);
  long spread = number(argc, v, "spread", 1);
  long each = number(argc, v, "transaction", 0), deduplication = number(argc, v, "deduplication", 0);
  long mandatory = number(argc, v, "mandatory", 0), priority = number(argc, v, "priority", -1);
  const char *exchange = option(argc, v, "exchange", ""), *form = option(argc, v, "key", "");
  const char *expiration = option(argc, v, "expiration", NULL);
  amqp_connection_state_t c = dial(v[2], atoi(v[3]));
  if (each) {
    amqp_tx_select(c, 1);
    must(amqp_get_rpc_reply(c), "tx.select");
  } else {
    amqp_confirm_select(c, 1);
    must(amqp_get_rpc_reply(c), "confirm.select");
  }
  amqp_bytes_t body = {bytes, malloc(bytes)};
  memset(body.bytes, 'x', bytes);
  amqp_basic_properties_t p = {._flags = AMQP_BASIC_DELIVERY_MODE_FLAG};
  p.delivery_mode = number(argc, v, "persistent", 1) ? 2 : 1;
  if (priority >= 0) p._flags |= AMQP_BASIC_PRIORITY_FLAG;
  if (expiration) p._flags |= AMQP_BASIC_EXPIRATION_FLAG, p.expiration = amqp_cstring_bytes(expiration);
  amqp_table_entry_t entries[3];
  memset(entries, 0, sizeof entries);
  p.headers.entries = entries;
  if (number(argc, v, "headers", 0)) {
    const char *pairs[2][2] = {{"kind", "order"}, {"area", "north"}};
    for (int i = 0; i < 2; i++) {
      entries[i].key = amqp_cstring_bytes(pairs[i][0]);
      entries[i].value.kind = AMQP_FIELD_KIND_UTF8;
      entries[i].value.value.bytes = amqp_cstring_bytes(pairs[i][1]);
    }
    p.headers.num_entries = 2;
  }
  amqp_table_entry_t *unique = deduplication ? &entries[p.headers.num_entries++] : NULL;
  if (p.headers.num_entries) p._flags |= AMQP_BASIC_HEADERS_FLAG;
  long sent = 0, run = (long)(now() * 1e6);
  double began = now(), end = began + seconds;
  while (now() < end) {
    if (!each && sent - confirms.count >= window) {
      await_confirm(c);
      continue;
    }
    char key[256], id[64];
    long at = sent % keys;
    snprintf(key, sizeof key, form, at % spread, at);
    if (priority >= 0) p.priority = sent % (priority + 1);
    if (unique) {
      snprintf(id, sizeof id, "%ld-%ld", run, sent);
      unique->key = amqp_cstring_bytes("x-deduplication-header");
      unique->value.kind = AMQP_FIELD_KIND_UTF8;
      unique->value.value.bytes = amqp_cstring_bytes(id);
    }
    if (amqp_basic_publish(c, 1, amqp_cstring_bytes(exchange), amqp_cstring_bytes(key), mandatory, 0, &p, body))
      fail("publish failed");
    sent++;
    if (each && sent % each == 0) {
      amqp_tx_commit(c, 1);
      must(amqp_get_rpc_reply(c), "tx.commit");
      amqp_maybe_release_buffers(c);
    }
  }
  while (!each && confirms.count < sent) await_confirm(c);
  if (each && sent % each) {
    amqp_tx_commit(c, 1);
    must(amqp_get_rpc_reply(c), "tx.commit");
  }
  double s = now() - began;
  printf("publish %ld messages %.3f s %.0f msg/s\n", sent, s, sent / s);
  return 0;
}

static amqp_connection_state_t consumer(char **v, int prefetch, int no_ack) {
  amqp_connection_state_t c = dial(v[2], atoi(v[3]));
  amqp_basic_qos(c, 1, 0, prefetch, 0);
  must(amqp_get_rpc_reply(c), "basic.qos");
  amqp_basic_consume(c, 1, amqp_cstring_bytes(v[4]), amqp_empty_bytes, 0, no_ack, 0, amqp_empty_table);
  must(amqp_get_rpc_reply(c), "basic.consume");
  return c;
}

static int consume(char **v) {
  long count = atol(v[5]), every = atol(v[8]), got = 0;
  int connections = atoi(v[7]);
  amqp_connection_state_t *all = calloc(connections, sizeof *all);
  struct pollfd *sockets = calloc(connections, sizeof *sockets);
  long *own = calloc(connections, sizeof *own);
  double began = now();
  for (int i = 0; i < connections; i++) {
    all[i] = consumer(v, atoi(v[6]), every == 0);
    sockets[i] = (struct pollfd){amqp_get_sockfd(all[i]), POLLIN, 0};
  }
  while (got < count) {
    int held = 0;
    for (int i = 0; i < connections; i++) held |= amqp_frames_enqueued(all[i]) || amqp_data_in_buffer(all[i]);
    if (poll(sockets, connections, held ? 0 : 20000) == 0 && !held) fail("nothing came for 20 s");
    for (int i = 0; i < connections && got < count; i++) {
      int ready = sockets[i].revents & POLLIN;
      while (got < count && (ready || amqp_frames_enqueued(all[i]) || amqp_data_in_buffer(all[i]))) {
        amqp_envelope_t e;
        amqp_maybe_release_buffers(all[i]);
        must(amqp_consume_message(all[i], &e, NULL, 0), "consume");
        ready = 0;
        got++;
        if (every && (++own[i] % every == 0 || got == count))
          if (amqp_basic_ack(all[i], 1, e.delivery_tag, every > 1)) fail("ack failed");
        amqp_destroy_envelope(&e);
      }
    }
  }
  double s = now() - began;
  printf("consume %ld messages %.3f s %.0f msg/s\n", count, s, count / s);
  for (int i = 0; i < connections; i++) {
    amqp_channel_close(all[i], 1, AMQP_REPLY_SUCCESS);
    amqp_connection_close(all[i], AMQP_REPLY_SUCCESS);
  }
  return 0;
}

static int idle(char **v) {
  int connections = atoi(v[5]);
  for (int i = 0; i < connections; i++) consumer(v, 1, 0);
  printf("open\n");
  fflush(stdout);
  while (getchar() != EOF) continue;
  return 0;
}

int main(int argc, char **v) {
  if (argc >= 7 && !strcmp(v[1], "publish")) return publish(argc, v);
  if (argc == 9 && !strcmp(v[1], "consume")) return consume(v);
  if (argc == 6 && !strcmp(v[1], "idle")) return idle(v);
  fprintf(stderr, "usage: see the top of amqp_turns.c\n");
  return 2;
}
