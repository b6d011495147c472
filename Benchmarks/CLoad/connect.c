#define _GNU_SOURCE
#include "clients.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

void cload_client_failed(cload *load, uint32_t index, const char *why) {
    client *client = &load->clients[index];
    bool was_ready = client->state == CLIENT_READY;
    if (client->fd >= 0) close(client->fd);
    client->fd = -1;
    // What a sampled client has counted outlives its connection.
    if (!was_ready) {
        cload_reader_destroy(client->reader);
        client->reader = NULL;
    }
    client->state = was_ready ? CLIENT_CLOSED : CLIENT_FAILED;
    if (was_ready) {
        load->closed++;
    } else {
        load->in_flight--;
        atomic_fetch_add(&load->failed, 1);
    }
    pthread_mutex_lock(&load->lock);
    if (!load->first_failure[0])
        snprintf(load->first_failure, sizeof load->first_failure, "connection %u: %s", index, why);
    pthread_mutex_unlock(&load->lock);
}

void cload_client_ready(cload *load, uint32_t index) {
    client *client = &load->clients[index];
    client->state = CLIENT_READY;
    load->in_flight--;
    // A rate-limited reader has no epoll; it reads on its tick.
    if (!client->sampled || load->config.read_bytes_per_second > 0)
        epoll_ctl(load->prompt_epoll, EPOLL_CTL_DEL, client->fd, NULL);
    if (!client->sampled) {
        cload_reader_destroy(client->reader);
        client->reader = NULL;
        // Edge-triggered is enough, as every visit empties the socket; it spares epoll a second look at each.
        struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.u32 = index};
        epoll_ctl(load->drain_epoll, EPOLL_CTL_ADD, client->fd, &event);
        load->drained_ready++;
    }
    atomic_store(&load->last_ready_ns, cload_now());
    atomic_fetch_add(&load->ready, 1);
}

static void fail_with_errno(cload *load, uint32_t index, const char *call, int code) {
    char why[128];
    snprintf(why, sizeof why, "%s: %s", call, strerror(code));
    cload_client_failed(load, index, why);
}

static void connect_one(cload *load, uint32_t index) {
    const cload_config *config = &load->config;
    client *client = &load->clients[index];
    client->state = CLIENT_CONNECTING;
    load->in_flight++;
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->fd < 0) return fail_with_errno(load, index, "socket", errno);
    client->reader = cload_reader_create(load);
    if (!client->reader) return fail_with_errno(load, index, "malloc", errno);

    int on = 1;
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (config->receive_buffer_bytes > 0) {
        int size = (int)config->receive_buffer_bytes;
        setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    }
    if (config->source_addresses > 1) {
        // Without this the kernel picks a port before it knows the peer, and can use each port only once.
        setsockopt(client->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        struct sockaddr_in source = {
            .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + index % config->source_addresses)};
        if (bind(client->fd, (struct sockaddr *)&source, sizeof source) != 0)
            return fail_with_errno(load, index, "bind", errno);
    }
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(config->port)};
    inet_pton(AF_INET, load->host, &address.sin_addr);
    if (connect(client->fd, (struct sockaddr *)&address, sizeof address) != 0 && errno != EINPROGRESS)
        return fail_with_errno(load, index, "connect", errno);
    struct epoll_event event = {.events = EPOLLOUT, .data.u32 = index};
    if (epoll_ctl(load->prompt_epoll, EPOLL_CTL_ADD, client->fd, &event) != 0)
        fail_with_errno(load, index, "epoll_ctl", errno);
}

void cload_connect_more(cload *load) {
    while (load->next_to_connect < load->config.connections && load->in_flight < load->config.connects_in_flight)
        connect_one(load, load->next_to_connect++);
}

static void send_upgrade(cload *load, uint32_t index) {
    client *client = &load->clients[index];
    char request[512];
    int length = snprintf(
        request, sizeof request,
        "GET %s HTTP/1.1\r\nHost: %s:%u\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: " CLOAD_UPGRADE_KEY "\r\nSec-WebSocket-Version: 13\r\n\r\n",
        load->path, load->host, load->config.port);
    if (length <= 0 || (size_t)length >= sizeof request) return cload_client_failed(load, index, "the path is too long");
    if (send(client->fd, request, (size_t)length, MSG_NOSIGNAL) != length)
        return fail_with_errno(load, index, "send of the upgrade", errno);
    client->state = CLIENT_UPGRADING;
}

static void subscribe(cload *load, uint32_t index) {
    client *client = &load->clients[index];
    client->state = CLIENT_SUBSCRIBING;
    for (uint32_t i = 0; i < load->config.channel_count; i++) {
        char text[126];
        char sparse[CLOAD_CHANNEL_NAME + 1];
        const char *name = load->channels[i];
        if (load->config.sparse.channels > 0) {
            cload_channel_name(cload_client_channel(load, index, i), sparse);
            name = sparse;
        }
        int length = snprintf(text, sizeof text, "{\"type\":\"subscribe\",\"channel\":\"%s\"}", name);
        if (length <= 0 || (size_t)length >= sizeof text)
            return cload_client_failed(load, index, "the channel name is too long");
        if (!cload_send_frame(client->fd, 1, text, (size_t)length))
            return cload_client_failed(load, index, "the subscription wasn't taken by the socket");
    }
    if (load->config.channel_count == 0) cload_client_ready(load, index);
}

/// Whether the head has the header with exactly this value; names are compared without case.
static bool has_header(const char *head, const char *name, const char *value) {
    const char *line = strcasestr(head, name);
    if (!line) return false;
    line += strlen(name);
    while (*line == ' ') line++;
    size_t length = strcspn(line, "\r");
    return length == strlen(value) && strncmp(line, value, length) == 0;
}

void cload_handshake_bytes(cload *load, uint32_t index, uint8_t *bytes, size_t length) {
    client *client = &load->clients[index];
    cload_uncarry(client->reader, &bytes, &length);
    uint8_t *end = memmem(bytes, length, "\r\n\r\n", 4);
    if (!end) {
        if (length > 16384 || !cload_carry(client->reader, bytes, length))
            cload_client_failed(load, index, "the answer to the upgrade has no end");
        return;
    }
    // The byte belongs to the blank line, so that frames behind it stay whole.
    end[2] = 0;
    const char *head = (const char *)bytes;
    if (strncmp(head, "HTTP/1.1 101", 12) != 0) {
        char why[96];
        snprintf(why, sizeof why, "the upgrade was refused: %.*s", (int)strcspn(head, "\r"), head);
        return cload_client_failed(load, index, why);
    }
    if (!has_header(head, "\r\nsec-websocket-accept:", CLOAD_UPGRADE_ACCEPT))
        return cload_client_failed(load, index, "the upgrade's Sec-WebSocket-Accept is missing or wrong");
    subscribe(load, index);
    size_t left = (size_t)(bytes + length - (end + 4));
    if (client->reader && client->fd >= 0 && left > 0) cload_read_frames(load, index, end + 4, left, cload_now());
}

void cload_handshake_event(cload *load, uint32_t index, uint32_t events) {
    client *client = &load->clients[index];
    if (client->state == CLIENT_CONNECTING) {
        int code = 0;
        socklen_t size = sizeof code;
        getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &code, &size);
        if (code != 0) return fail_with_errno(load, index, "connect", code);
        if (!(events & EPOLLOUT)) return;
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = index};
        epoll_ctl(load->prompt_epoll, EPOLL_CTL_MOD, client->fd, &event);
        if (load->config.raw) return cload_client_ready(load, index);
        return send_upgrade(load, index);
    }
    ssize_t got = recv(client->fd, load->buffer + CARRY_BYTES, READ_BYTES, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got < 0) return fail_with_errno(load, index, "recv", errno);
    if (got == 0) return cload_client_failed(load, index, "the server closed the connection during the handshake");
    if (client->state == CLIENT_UPGRADING)
        cload_handshake_bytes(load, index, load->buffer + CARRY_BYTES, (size_t)got);
    else
        cload_read_frames(load, index, load->buffer + CARRY_BYTES, (size_t)got, cload_now());
}
