/*
 * A SPICE server on libspice-server whose QXL devices play what another process lays out for them.
 *
 * Usage: scene-server SOCKET MEMORY-FD. The memory is one slot of every device, so a physical address is an offset
 * into it; 0 is no address. Requests are lines of words on the unix socket, each answered by {"id": N, "ok": true} or
 * {"id": N, "error": "..."}; "draw" and "cursor" have no number and no answer. Reports are {"event": ...}.
 *
 *   N set NAME VALUE                    before and after start; see set_option
 *   N start                             listens
 *   N primary DEV W H STRIDE FORMAT ADDR | N destroy_primary DEV
 *   draw DEV TYPE ADDR                  a command for the display ring (QXL_CMD_...)
 *   cursor DEV ADDR                     a command for the cursor ring
 *   N flush DEV                         answered when the worker has taken everything from both rings
 *   N update DEV SURFACE L T R B        the server renders into the surface's memory
 *   N monitors DEV ADDR | N reset_cursor DEV | N reset_images DEV | N destroy_surfaces DEV
 *   N gl_scanout DEV W H                the picture is a texture from now on (a file of as many bytes stands for it)
 *   N gl_draw DEV L T W H               the texture has changed there; answered when every client has taken it
 *   N sound VERB ...                    see sound.c
 */

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spice.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MAX_DEVICES 8
#define MAX_WORDS 16
#define LINE_BYTES 65536
#define RELEASE_REPORTED (UINT64_C(1) << 63)

static void die(const char *what)
{
    fprintf(stderr, "scene-server: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void *need(void *memory)
{
    if (!memory)
        die("out of memory");
    return memory;
}

/* ---- the line to the test ---- */

static int line_fd;
static pthread_mutex_t line_lock = PTHREAD_MUTEX_INITIALIZER;

static void say(const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text - 1, format, arguments);
    va_end(arguments);
    if (length < 0 || length >= (int)sizeof text - 1)
        die("a report is too long");
    text[length++] = '\n';
    pthread_mutex_lock(&line_lock);
    for (int done = 0; done < length;) {
        ssize_t sent = write(line_fd, text + done, length - done);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            exit(0); /* the test is gone */
        done += sent;
    }
    pthread_mutex_unlock(&line_lock);
}

/* ---- the event loop that libspice-server asks for ---- */

struct SpiceTimer {
    SpiceTimer *next;
    SpiceTimerFunc call;
    void *opaque;
    bool armed;
    int64_t due;
};

struct SpiceWatch {
    SpiceWatch *next;
    int fd;
    int mask;
    SpiceWatchFunc call;
    void *opaque;
    bool removed;
};

static SpiceTimer *timers;
static SpiceWatch *watches;

static int64_t now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static SpiceTimer *timer_add(SpiceTimerFunc call, void *opaque)
{
    SpiceTimer *timer = need(calloc(1, sizeof *timer));
    *timer = (SpiceTimer){.next = timers, .call = call, .opaque = opaque};
    return timers = timer;
}

static void timer_start(SpiceTimer *timer, uint32_t ms)
{
    timer->armed = true;
    timer->due = now_ms() + ms;
}

static void timer_cancel(SpiceTimer *timer)
{
    timer->armed = false;
}

static void timer_remove(SpiceTimer *timer)
{
    for (SpiceTimer **at = &timers; *at; at = &(*at)->next)
        if (*at == timer) {
            *at = timer->next;
            free(timer);
            return;
        }
}

static SpiceWatch *watch_add(int fd, int mask, SpiceWatchFunc call, void *opaque)
{
    SpiceWatch *watch = need(calloc(1, sizeof *watch));
    *watch = (SpiceWatch){.next = watches, .fd = fd, .mask = mask, .call = call, .opaque = opaque};
    return watches = watch;
}

static void watch_update_mask(SpiceWatch *watch, int mask)
{
    watch->mask = mask;
}

static void watch_remove(SpiceWatch *watch)
{
    watch->removed = true; /* freed between two rounds: a round may hold it */
}

static void channel_event(int event, SpiceChannelEventInfo *info)
{
    static const char *const names[] = {"?", "connected", "initialized", "disconnected"};
    say("{\"event\": \"channel\", \"what\": \"%s\", \"type\": %d, \"number\": %d}", names[event & 3], info->type,
        info->id);
}

static SpiceCoreInterface core = {
    .base = {.major_version = SPICE_INTERFACE_CORE_MAJOR, .minor_version = SPICE_INTERFACE_CORE_MINOR},
    .timer_add = timer_add,
    .timer_start = timer_start,
    .timer_cancel = timer_cancel,
    .timer_remove = timer_remove,
    .watch_add = watch_add,
    .watch_update_mask = watch_update_mask,
    .watch_remove = watch_remove,
    .channel_event = channel_event,
};

static void one_round(void)
{
    int count = 0;
    for (SpiceWatch **at = &watches; *at;) {
        SpiceWatch *watch = *at;
        if (watch->removed) {
            *at = watch->next;
            free(watch);
        } else {
            count++;
            at = &watch->next;
        }
    }
    struct pollfd polled[count];
    SpiceWatch *watched[count];
    count = 0;
    for (SpiceWatch *watch = watches; watch; watch = watch->next) {
        short events = (watch->mask & SPICE_WATCH_EVENT_READ ? POLLIN : 0) |
                       (watch->mask & SPICE_WATCH_EVENT_WRITE ? POLLOUT : 0);
        if (!events)
            continue;
        polled[count] = (struct pollfd){.fd = watch->fd, .events = events};
        watched[count++] = watch;
    }
    int64_t wait = -1, now = now_ms();
    for (SpiceTimer *timer = timers; timer; timer = timer->next)
        if (timer->armed && (wait < 0 || timer->due - now < wait))
            wait = timer->due > now ? timer->due - now : 0;
    if (poll(polled, count, wait) < 0 && errno != EINTR)
        die("poll");
    now = now_ms();
    for (SpiceTimer *timer = timers; timer;) {
        if (timer->armed && timer->due <= now) {
            timer->armed = false;
            timer->call(timer->opaque);
            timer = timers; /* the list may have changed; a timer that ran is no longer due */
        } else {
            timer = timer->next;
        }
    }
    for (int i = 0; i < count; i++) {
        int events = (polled[i].revents & (POLLIN | POLLHUP | POLLERR) ? SPICE_WATCH_EVENT_READ : 0) |
                     (polled[i].revents & POLLOUT ? SPICE_WATCH_EVENT_WRITE : 0);
        if (!watched[i]->removed && (events & watched[i]->mask))
            watched[i]->call(watched[i]->fd, events & watched[i]->mask, watched[i]->opaque);
    }
}

/* ---- QXL devices; their callbacks run in the device's worker thread ---- */

typedef struct Ring {
    QXLCommandExt *commands;
    size_t first, count, room;
    bool drained; /* the worker found it empty since the last flush began */
} Ring;

typedef struct Device {
    QXLInstance instance; /* first: the callbacks get its address */
    pthread_mutex_t lock;
    Ring display, cursor;
    uint64_t flush; /* the request's number, 0 for none */
} Device;

static uint8_t *memory;
static size_t memory_bytes;
static SpiceServer *server;
static Device devices[MAX_DEVICES];
static int device_count = 1;
static int drained_fd;

static void ring_push(Device *device, Ring *ring, uint32_t type, uint64_t address)
{
    pthread_mutex_lock(&device->lock);
    if (ring->first + ring->count == ring->room) {
        memmove(ring->commands, ring->commands + ring->first, ring->count * sizeof *ring->commands);
        ring->first = 0;
        if (ring->count == ring->room) {
            ring->room = ring->room ? 2 * ring->room : 256;
            ring->commands = need(realloc(ring->commands, ring->room * sizeof *ring->commands));
        }
    }
    ring->commands[ring->first + ring->count++] = (QXLCommandExt){.cmd = {.data = address, .type = type}};
    pthread_mutex_unlock(&device->lock);
}

static int ring_take(Device *device, Ring *ring, QXLCommandExt *command)
{
    pthread_mutex_lock(&device->lock);
    bool taken = ring->count > 0;
    if (taken) {
        *command = ring->commands[ring->first++];
        ring->count--;
    } else if (!ring->drained) {
        ring->drained = true;
        uint64_t one = 1;
        if (write(drained_fd, &one, sizeof one) < 0)
            die("eventfd");
    }
    pthread_mutex_unlock(&device->lock);
    return taken;
}

static int ring_is_empty(Device *device, Ring *ring)
{
    pthread_mutex_lock(&device->lock);
    bool empty = ring->count == 0;
    pthread_mutex_unlock(&device->lock);
    return empty;
}

static int get_command(QXLInstance *instance, QXLCommandExt *command)
{
    return ring_take((Device *)instance, &((Device *)instance)->display, command);
}

static int get_cursor_command(QXLInstance *instance, QXLCommandExt *command)
{
    return ring_take((Device *)instance, &((Device *)instance)->cursor, command);
}

static int req_cmd_notification(QXLInstance *instance)
{
    return ring_is_empty((Device *)instance, &((Device *)instance)->display);
}

static int req_cursor_notification(QXLInstance *instance)
{
    return ring_is_empty((Device *)instance, &((Device *)instance)->cursor);
}

static void release_resource(QXLInstance *instance, QXLReleaseInfoExt release)
{
    (void)instance;
    if (release.info->id & RELEASE_REPORTED)
        say("{\"event\": \"released\", \"number\": %" PRIu64 "}", (uint64_t)release.info->id & ~RELEASE_REPORTED);
}

static void get_init_info(QXLInstance *instance, QXLDevInitInfo *info)
{
    (void)instance;
    *info = (QXLDevInitInfo){
        .num_memslots_groups = 1,
        .num_memslots = 1,
        .memslot_gen_bits = 8,
        .memslot_id_bits = 8,
        .n_surfaces = 1024,
    };
}

static void set_client_capabilities(QXLInstance *instance, uint8_t present, uint8_t caps[SPICE_CAPABILITIES_SIZE])
{
    say("{\"event\": \"client\", \"device\": %d, \"present\": %d, \"caps\": [%d, %d, %d, %d]}", instance->id, present,
        caps[0], caps[1], caps[2], caps[3]);
}

static int client_monitors_config(QXLInstance *instance, VDAgentMonitorsConfig *config)
{
    if (config)
        for (uint32_t i = 0; i < config->num_of_monitors; i++)
            say("{\"event\": \"monitor\", \"device\": %d, \"number\": %u, \"width\": %u, \"height\": %u, "
                "\"x\": %d, \"y\": %d}",
                instance->id, i, config->monitors[i].width, config->monitors[i].height, config->monitors[i].x,
                config->monitors[i].y);
    return 1;
}

static void async_complete(QXLInstance *instance, uint64_t cookie)
{
    (void)instance;
    say("{\"id\": %" PRIu64 ", \"ok\": true}", cookie);
}

static void update_area_complete(QXLInstance *instance, uint32_t surface, QXLRect *rects, uint32_t count)
{
    (void)instance, (void)surface, (void)rects, (void)count;
}

static void attached_worker(QXLInstance *instance)
{
    (void)instance;
}

static void set_compression_level(QXLInstance *instance, int level)
{
    (void)instance, (void)level;
}

static void notify_update(QXLInstance *instance, uint32_t update)
{
    (void)instance, (void)update;
}

static int flush_resources(QXLInstance *instance)
{
    (void)instance;
    return 0;
}

static const QXLInterface qxl = {
    .base = {.type = SPICE_INTERFACE_QXL,
             .description = "scenes",
             .major_version = SPICE_INTERFACE_QXL_MAJOR,
             .minor_version = SPICE_INTERFACE_QXL_MINOR},
    .attached_worker = attached_worker,
    .set_compression_level = set_compression_level,
    .get_init_info = get_init_info,
    .get_command = get_command,
    .req_cmd_notification = req_cmd_notification,
    .release_resource = release_resource,
    .get_cursor_command = get_cursor_command,
    .req_cursor_notification = req_cursor_notification,
    .notify_update = notify_update,
    .flush_resources = flush_resources,
    .async_complete = async_complete,
    .update_area_complete = update_area_complete,
    .set_client_capabilities = set_client_capabilities,
    .client_monitors_config = client_monitors_config,
};

static void answer_flushes(int fd, int event, void *opaque)
{
    (void)event, (void)opaque;
    uint64_t times;
    if (read(fd, &times, sizeof times) < 0)
        die("eventfd");
    for (Device *device = devices; device < devices + device_count; device++) {
        pthread_mutex_lock(&device->lock);
        uint64_t done = device->display.drained && device->cursor.drained ? device->flush : 0;
        if (done)
            device->flush = 0;
        pthread_mutex_unlock(&device->lock);
        if (done)
            say("{\"id\": %" PRIu64 ", \"ok\": true}", done);
    }
}

/* ---- requests ---- */

static uint64_t word(char **words, int at)
{
    return words[at] ? strtoull(words[at], NULL, 0) : 0;
}

static Device *device_of(char **words, int at)
{
    uint64_t number = word(words, at);
    return words[at] && number < (uint64_t)device_count ? &devices[number] : NULL;
}

#include "sound.c"

static int port, tls_port;
static char *tls_directory, *password, *unix_path;

static bool set_option(const char *name, const char *value)
{
    int number = atoi(value);
    if (!strcmp(name, "port"))
        port = number;
    else if (!strcmp(name, "tls_port"))
        tls_port = number;
    else if (!strcmp(name, "tls_directory"))
        tls_directory = need(strdup(value));
    else if (!strcmp(name, "unix_path"))
        unix_path = need(strdup(value));
    else if (!strcmp(name, "password"))
        password = need(strdup(value));
    else if (!strcmp(name, "devices") && number >= 1 && number <= MAX_DEVICES)
        device_count = number;
    else if (!strcmp(name, "name"))
        spice_server_set_name(server, value);
    else if (!strcmp(name, "compression"))
        return spice_server_set_image_compression(server, number) == 0;
    else if (!strcmp(name, "jpeg_wan"))
        return spice_server_set_jpeg_compression(server, number) == 0;
    else if (!strcmp(name, "zlib_wan"))
        return spice_server_set_zlib_glz_compression(server, number) == 0;
    else if (!strcmp(name, "streaming"))
        return spice_server_set_streaming_video(server, number) == 0;
    else if (!strcmp(name, "video_codecs"))
        return spice_server_set_video_codecs(server, value) == 0;
    else if (!strcmp(name, "sound") && number >= 8000 && number <= 192000)
        sound_rate = number;
    else
        return false;
    return true;
}

static const char *start(void)
{
    char ca[4096], certificate[4096], key[4096];
    if (unix_path)
        spice_server_set_addr(server, unix_path, SPICE_ADDR_FLAG_UNIX_ONLY);
    else
        spice_server_set_addr(server, "127.0.0.1", SPICE_ADDR_FLAG_IPV4_ONLY);
    if (port && spice_server_set_port(server, port) < 0)
        return "the port was refused";
    if (tls_port) {
        snprintf(ca, sizeof ca, "%s/ca-cert.pem", tls_directory);
        snprintf(certificate, sizeof certificate, "%s/server-cert.pem", tls_directory);
        snprintf(key, sizeof key, "%s/server-key.pem", tls_directory);
        if (spice_server_set_tls(server, tls_port, ca, certificate, key, NULL, NULL, NULL) < 0)
            return "TLS was refused";
    }
    if (password)
        spice_server_set_ticket(server, password, 0, 0, 0);
    else
        spice_server_set_noauth(server);
    if (spice_server_init(server, &core) < 0)
        return "cannot listen";
    for (int i = 0; i < device_count; i++) {
        Device *device = &devices[i];
        pthread_mutex_init(&device->lock, NULL);
        device->instance.base.sif = &qxl.base;
        device->instance.id = i;
        if (spice_server_add_interface(server, &device->instance.base) < 0)
            return "a device was refused";
        char address[32];
        snprintf(address, sizeof address, "pci/0000/%02x.0", i + 2);
        spice_qxl_set_device_info(&device->instance, address, 0, 4);
        QXLDevMemSlot slot = {
            .virt_start = (uintptr_t)memory,
            .virt_end = (uintptr_t)memory + memory_bytes,
            .addr_delta = (uintptr_t)memory,
        };
        spice_qxl_add_memslot(&device->instance, &slot);
    }
    const char *error = sound_rate ? add_sound() : NULL;
    if (error)
        return error;
    spice_server_vm_start(server);
    return NULL;
}

static void primary(Device *device, char **words)
{
    QXLDevSurfaceCreate surface = {
        .width = word(words, 3),
        .height = word(words, 4),
        .stride = words[5] ? atoi(words[5]) : 0,
        .format = word(words, 6),
        .mouse_mode = 1,
        .mem = word(words, 7),
    };
    spice_qxl_create_primary_surface(&device->instance, 0, &surface);
}

static void update(Device *device, char **words)
{
    QXLRect area = {
        .left = word(words, 4), .top = word(words, 5), .right = word(words, 6), .bottom = word(words, 7)};
    spice_qxl_update_area(&device->instance, word(words, 3), &area, NULL, 0, 1);
}

static const char *gl_scanout(Device *device, char **words)
{
    const uint32_t xr24 = 'X' | 'R' << 8 | '2' << 16 | '4' << 24;
    uint32_t width = word(words, 3), height = word(words, 4);
    int texture = memfd_create("texture", MFD_CLOEXEC);
    if (texture < 0 || ftruncate(texture, (off_t)width * height * 4) < 0)
        return "no memory for a texture";
    spice_qxl_gl_scanout(&device->instance, texture, width, height, width * 4, xr24, 1);
    return NULL;
}

/* NULL when done, "" when the answer comes later, else why not. */
static const char *perform(uint64_t number, char **words)
{
    const char *verb = words[1] ? words[1] : "";
    if (!strcmp(verb, "set"))
        return words[2] && words[3] && set_option(words[2], words[3]) ? NULL : "no such option or value";
    if (!strcmp(verb, "start"))
        return start();
    if (!strcmp(verb, "sound"))
        return sound_request(words);
    Device *device = device_of(words, 2);
    if (!device)
        return "no such request or device";
    if (!strcmp(verb, "primary"))
        primary(device, words);
    else if (!strcmp(verb, "destroy_primary"))
        spice_qxl_destroy_primary_surface(&device->instance, 0);
    else if (!strcmp(verb, "destroy_surfaces"))
        spice_qxl_destroy_surfaces(&device->instance);
    else if (!strcmp(verb, "update"))
        update(device, words);
    else if (!strcmp(verb, "reset_cursor"))
        spice_qxl_reset_cursor(&device->instance);
    else if (!strcmp(verb, "reset_images"))
        spice_qxl_reset_image_cache(&device->instance);
    else if (!strcmp(verb, "monitors")) {
        spice_qxl_monitors_config_async(&device->instance, word(words, 3), 0, number);
        return "";
    } else if (!strcmp(verb, "gl_scanout")) {
        return gl_scanout(device, words);
    } else if (!strcmp(verb, "gl_draw")) {
        spice_qxl_gl_draw_async(&device->instance, word(words, 3), word(words, 4), word(words, 5), word(words, 6),
                                number);
        return "";
    } else if (!strcmp(verb, "flush")) {
        pthread_mutex_lock(&device->lock);
        device->flush = number;
        device->display.drained = device->cursor.drained = false;
        pthread_mutex_unlock(&device->lock);
        spice_qxl_wakeup(&device->instance);
        return "";
    } else
        return "no such request";
    return NULL;
}

static void take_line(char *text)
{
    char *words[MAX_WORDS + 1] = {NULL}, *rest = text;
    for (int i = 0; i < MAX_WORDS && (words[i] = strsep(&rest, " ")); i++)
        ;
    if (!strcmp(words[0], "draw") || !strcmp(words[0], "cursor")) {
        bool draw = words[0][0] == 'd';
        Device *device = device_of(words, 1);
        if (!device)
            die("a command for no device");
        if (draw)
            ring_push(device, &device->display, word(words, 2), word(words, 3));
        else
            ring_push(device, &device->cursor, QXL_CMD_CURSOR, word(words, 2));
        return;
    }
    uint64_t number = word(words, 0);
    const char *error = perform(number, words);
    if (!error)
        say("{\"id\": %" PRIu64 ", \"ok\": true}", number);
    else if (*error)
        say("{\"id\": %" PRIu64 ", \"error\": \"%s\"}", number, error);
}

static void line_readable(int fd, int event, void *opaque)
{
    static char held[LINE_BYTES];
    static size_t length;
    (void)event, (void)opaque;
    ssize_t got = read(fd, held + length, sizeof held - length);
    if (got <= 0)
        _exit(0); /* the test is gone; workers may be busy, so no orderly end */
    length += got;
    char *at = held, *end;
    while ((end = memchr(at, '\n', held + length - at))) {
        *end = 0;
        take_line(at);
        at = end + 1;
    }
    length -= at - held;
    memmove(held, at, length);
    if (length == sizeof held)
        die("a request is too long");
}

int main(int count, char **words)
{
    if (count != 3) {
        fprintf(stderr, "usage: scene-server SOCKET MEMORY-FD\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    int fd = atoi(words[2]);
    struct stat about;
    if (fstat(fd, &about) < 0)
        die("the memory");
    memory_bytes = about.st_size;
    memory = mmap(NULL, memory_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        die("the memory");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(words[1]) >= sizeof address.sun_path)
        die("the socket's path");
    strcpy(address.sun_path, words[1]);
    line_fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (line_fd < 0 || connect(line_fd, (struct sockaddr *)&address, sizeof address) < 0)
        die("the line");
    drained_fd = eventfd(0, EFD_CLOEXEC);
    if (drained_fd < 0)
        die("eventfd");
    server = spice_server_new();
    watch_add(line_fd, SPICE_WATCH_EVENT_READ, line_readable, NULL);
    watch_add(drained_fd, SPICE_WATCH_EVENT_READ, answer_flushes, NULL);
    for (;;)
        one_round();
}
