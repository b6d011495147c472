#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <librdkafka/rdkafka.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/// Its answer to the one key that the generator's clients send.
#define UPGRADED \
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
    "Sec-WebSocket-Accept: " CLOAD_UPGRADE_ACCEPT "\r\n\r\n"

enum { BUCKETS = 1 << 16, NAME_BYTES = 32, INPUT_BYTES = 4096, BATCH = 1000 };

typedef struct channel {
    struct channel *next;
    char name[NAME_BYTES];
    size_t name_length;
    uint32_t count;
    uint32_t capacity;
    /// Places of the subscribers among the clients.
    uint32_t *subscribers;
} channel;

typedef struct {
    int fd;
    bool upgraded;
    uint32_t held;
    uint8_t *input;
} client;

typedef struct {
    channel *buckets[BUCKETS];
    client *clients;
    uint32_t client_count;
    uint32_t max_clients;
    int epoll;
} server;

static volatile sig_atomic_t is_over;

static void end(int signal) {
    (void)signal;
    is_over = 1;
}

static channel *find(server *server, const char *name, size_t length, bool make) {
    // FNV-1a
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < length; i++) hash = (hash ^ (uint8_t)name[i]) * 0x100000001b3u;
    channel **at = &server->buckets[(hash ^ hash >> 32) % BUCKETS];
    while (*at && ((*at)->name_length != length || memcmp((*at)->name, name, length) != 0)) at = &(*at)->next;
    if (*at || !make || length > NAME_BYTES) return *at;
    channel *made = calloc(1, sizeof *made);
    if (!made) return NULL;
    memcpy(made->name, name, length);
    made->name_length = length;
    return *at = made;
}

static void leave(server *server, uint32_t index) {
    if (server->clients[index].fd >= 0) close(server->clients[index].fd);
    server->clients[index].fd = -1;
}

/// The header of a text frame (RFC 6455, 5.2); returns its length.
static size_t header(uint8_t *at, size_t payload) {
    at[0] = 0x81;
    if (payload < 126) {
        at[1] = (uint8_t)payload;
        return 2;
    }
    at[1] = 126;
    at[2] = (uint8_t)(payload >> 8);
    at[3] = (uint8_t)payload;
    return 4;
}

static bool subscribe(server *server, uint32_t index, const char *name, size_t length) {
    channel *channel = find(server, name, length, true);
    if (!channel) return false;
    if (channel->count == channel->capacity) {
        uint32_t capacity = channel->capacity > 0 ? channel->capacity * 2 : 4;
        uint32_t *grown = realloc(channel->subscribers, capacity * sizeof *grown);
        if (!grown) return false;
        channel->subscribers = grown;
        channel->capacity = capacity;
    }
    channel->subscribers[channel->count++] = index;
    static const char text[] = "{\"type\":\"subscription_confirmed\"}";
    uint8_t frame[4 + sizeof text];
    size_t start = header(frame, sizeof text - 1);
    memcpy(frame + start, text, sizeof text - 1);
    ssize_t size = (ssize_t)(start + sizeof text - 1);
    return send(server->clients[index].fd, frame, (size_t)size, MSG_NOSIGNAL | MSG_DONTWAIT) == size;
}

/// Takes whole frames off the front of what has come; false when it is not what the generator sends.
static bool read_frames(server *server, uint32_t index) {
    client *client = &server->clients[index];
    uint8_t *input = client->input;
    uint32_t at = 0;
    while (client->held - at >= 6) {
        uint32_t length = input[at + 1] & 0x7f;
        if (length > 125 || client->held - at < 6 + length) break;
        uint8_t *mask = input + at + 2;
        uint8_t *payload = input + at + 6;
        for (uint32_t i = 0; i < length; i++) payload[i] ^= mask[i % 4];
        static const char key[] = "\"channel\":\"";
        if ((input[at] & 0x0f) == 1) {
            const char *name = memmem(payload, length, key, sizeof key - 1);
            if (!name) return false;
            name += sizeof key - 1;
            const char *quote = memchr(name, '"', (size_t)((char *)payload + length - name));
            if (!quote || !subscribe(server, index, name, (size_t)(quote - name))) return false;
        }
        at += 6 + length;
    }
    memmove(input, input + at, client->held - at);
    client->held -= at;
    return true;
}

static void read_client(server *server, uint32_t index) {
    client *client = &server->clients[index];
    if (client->fd < 0) return;
    if (!client->input) client->input = malloc(INPUT_BYTES);
    if (!client->input) return leave(server, index);
    ssize_t got = recv(client->fd, client->input + client->held, INPUT_BYTES - client->held, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return leave(server, index);
    client->held += (uint32_t)got;
    if (!client->upgraded) {
        uint8_t *end = memmem(client->input, client->held, "\r\n\r\n", 4);
        if (!end) return;
        ssize_t size = sizeof UPGRADED - 1;
        if (send(client->fd, UPGRADED, (size_t)size, MSG_NOSIGNAL) != size) return leave(server, index);
        client->upgraded = true;
        client->held -= (uint32_t)(end + 4 - client->input);
        memmove(client->input, end + 4, client->held);
    }
    if (!read_frames(server, index)) return leave(server, index);
    if (client->held > 0) return;
    free(client->input);
    client->input = NULL;
}

static void accept_clients(server *server, int listener) {
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) return;
        if (server->client_count == server->max_clients) {
            close(fd);
            return;
        }
        const int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        uint32_t index = server->client_count++;
        server->clients[index].fd = fd;
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = index};
        epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

/// One send() for each subscriber of the channel that the key names.
static void hand_out(server *server, const rd_kafka_message_t *message, uint8_t *frame, size_t room) {
    if (message->err || !message->key || message->key_len > NAME_BYTES) return;
    channel *channel = find(server, message->key, message->key_len, false);
    if (!channel) return;
    rd_kafka_timestamp_type_t kind;
    int64_t time = rd_kafka_message_timestamp(message, &kind);
    time_t seconds = (time_t)(time / 1000);
    struct tm date;
    gmtime_r(&seconds, &date);
    char stamp[32];
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &date);
    char *payload = (char *)frame + 4;
    int length = snprintf(
        payload, room - 4, "{\"type\":\"trade_data\",\"channel\":\"%.*s\",\"data\":%.*s,\"timestamp\":\"%s.%03dZ\"}",
        (int)message->key_len, (const char *)message->key, (int)message->len, (const char *)message->payload, stamp,
        (int)(time % 1000));
    if (length < 126 || (size_t)length >= room - 4) return;
    header(frame, (size_t)length);
    for (uint32_t i = 0; i < channel->count; i++) {
        uint32_t index = channel->subscribers[i];
        if (server->clients[index].fd < 0) continue;
        ssize_t size = length + 4;
        if (send(server->clients[index].fd, frame, (size_t)size, MSG_NOSIGNAL | MSG_DONTWAIT) != size) leave(server, index);
    }
}

static void serve(server *server, const cload_reference_config *config, rd_kafka_queue_t *queue, int news) {
    static uint8_t frame[65536];
    static rd_kafka_message_t *messages[BATCH];
    struct epoll_event events[256];
    while (!is_over) {
        int count = epoll_wait(server->epoll, events, 256, 1000);
        for (int i = 0; i < count; i++) {
            uint32_t index = events[i].data.u32;
            if (index == UINT32_MAX) {
                accept_clients(server, config->listener);
            } else if (index == UINT32_MAX - 1) {
                uint64_t ignored;
                ssize_t got = read(news, &ignored, sizeof ignored);
                (void)got;
            } else {
                read_client(server, index);
            }
        }
        ssize_t got;
        while ((got = rd_kafka_consume_batch_queue(queue, 0, messages, BATCH)) > 0) {
            for (ssize_t i = 0; i < got; i++) {
                hand_out(server, messages[i], frame, sizeof frame);
                rd_kafka_message_destroy(messages[i]);
            }
        }
    }
}

bool cload_reference_run(const cload_reference_config *config, cload_error *error) {
    server *server = calloc(1, sizeof *server);
    rd_kafka_t *consumer = cload_make_consumer(&config->source, true, error);
    if (!server || !consumer) return false;
    signal(SIGTERM, end);
    server->max_clients = config->max_clients;
    server->clients = calloc(config->max_clients, sizeof *server->clients);
    server->epoll = epoll_create1(EPOLL_CLOEXEC);
    int news = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event listening = {.events = EPOLLIN, .data.u32 = UINT32_MAX};
    struct epoll_event arriving = {.events = EPOLLIN, .data.u32 = UINT32_MAX - 1};
    if (!server->clients || server->epoll < 0 || news < 0 || fcntl(config->listener, F_SETFL, O_NONBLOCK) != 0
        || epoll_ctl(server->epoll, EPOLL_CTL_ADD, config->listener, &listening) != 0
        || epoll_ctl(server->epoll, EPOLL_CTL_ADD, news, &arriving) != 0) {
        cload_fail(error, "the reference can't be set up: %s", strerror(errno));
        return false;
    }
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(consumer);
    static const uint64_t one = 1;
    rd_kafka_queue_io_event_enable(queue, news, &one, sizeof one);
    serve(server, config, queue, news);
    rd_kafka_queue_destroy(queue);
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    // The process ends here, and with it the clients' sockets and memory.
    return true;
}
