/*
 * The sound card of the server program: plays from the shared memory at the rate of a clock, and records into it.
 * Part of server.c; frames are two samples of 16 bits.
 *
 *   N set sound RATE                    before start: there is a sound card, the guest runs it at RATE
 *   N sound play ADDR FRAMES            from now on, after what plays already; {"event": "played", "blocks": B}
 *   N sound mark FRAME DEV ADDR         a drawing is done at the moment when that frame of the next block is played
 *   N sound stop                        the guest stops playing
 *   N sound volume LEFT RIGHT | N sound mute 0|1 | N sound compress 0|1
 *   N sound record ADDR FRAMES          {"event": "recorded", "frames": F, "short": times it got less than it needed}
 *   N sound record_volume LEFT RIGHT | N sound record_mute 0|1
 */

#define BLOCK_FRAMES 480
#define TICK_MS 5
#define MAX_MARKS 1024

typedef struct Mark {
    uint64_t frame, address;
    Device *device;
} Mark;

static int sound_rate;
static SpiceTimer *play_timer, *record_timer;
static bool playing;
static uint64_t play_at, play_left, play_put; /* frames; put: since the clock began */
static int64_t play_began;
static uint64_t play_blocks;
static Mark marks[MAX_MARKS];
static int mark_count;
static uint64_t marks_from; /* frames put when the block with the marks began */
static uint64_t record_at, record_left, record_taken, record_short;
static int64_t record_began;

static const SpicePlaybackInterface playback_interface = {
    .base = {.type = SPICE_INTERFACE_PLAYBACK,
             .description = "sound",
             .major_version = SPICE_INTERFACE_PLAYBACK_MAJOR,
             .minor_version = SPICE_INTERFACE_PLAYBACK_MINOR},
};
static const SpiceRecordInterface record_interface = {
    .base = {.type = SPICE_INTERFACE_RECORD,
             .description = "microphone",
             .major_version = SPICE_INTERFACE_RECORD_MAJOR,
             .minor_version = SPICE_INTERFACE_RECORD_MINOR},
};
static SpicePlaybackInstance playback = {.base.sif = &playback_interface.base};
static SpiceRecordInstance microphone = {.base.sif = &record_interface.base};

static uint64_t frames_since(int64_t began)
{
    return (uint64_t)(now_ms() - began) * sound_rate / 1000;
}

static void draw_marks(void)
{
    for (int i = 0; i < mark_count;) {
        if (play_put <= marks_from + marks[i].frame) {
            i++;
            continue;
        }
        ring_push(marks[i].device, &marks[i].device->display, QXL_CMD_DRAW, marks[i].address);
        spice_qxl_wakeup(&marks[i].device->instance);
        marks[i] = marks[--mark_count];
    }
}

static void play_tick(void *opaque)
{
    (void)opaque;
    while (play_left && play_put < frames_since(play_began)) {
        uint32_t *samples, room;
        spice_server_playback_get_buffer(&playback, &samples, &room);
        if (!samples)
            break; /* no client, or one that does not read */
        uint64_t count = room < play_left ? room : play_left;
        memcpy(samples, memory + play_at, count * 4);
        memset(samples + count, 0, (room - count) * 4);
        play_at += count * 4;
        play_left -= count;
        play_put += room;
        play_blocks++;
        draw_marks();
        spice_server_playback_put_samples(&playback, samples);
    }
    if (play_left)
        timer_start(play_timer, TICK_MS);
    else
        say("{\"event\": \"played\", \"blocks\": %" PRIu64 "}", play_blocks);
}

static void record_tick(void *opaque)
{
    (void)opaque;
    uint64_t due = frames_since(record_began);
    if (due > record_taken) {
        uint64_t wanted = due - record_taken < record_left ? due - record_taken : record_left;
        uint32_t got = spice_server_record_get_samples(&microphone, (uint32_t *)(memory + record_at), wanted);
        if (got < wanted && record_taken)
            record_short++;
        if (got < wanted)
            record_began += (int64_t)(wanted - got) * 1000 / sound_rate; /* what did not come is asked for later */
        record_at += (uint64_t)got * 4;
        record_left -= got;
        record_taken += got;
    }
    if (record_left) {
        timer_start(record_timer, TICK_MS);
        return;
    }
    spice_server_record_stop(&microphone);
    say("{\"event\": \"recorded\", \"frames\": %" PRIu64 ", \"short\": %" PRIu64 "}", record_taken, record_short);
}

static const char *add_sound(void)
{
    if (spice_server_add_interface(server, &playback.base) < 0 ||
        spice_server_add_interface(server, &microphone.base) < 0)
        return "the sound card was refused";
    spice_server_set_playback_rate(&playback, sound_rate);
    spice_server_set_record_rate(&microphone, sound_rate);
    play_timer = timer_add(play_tick, NULL);
    record_timer = timer_add(record_tick, NULL);
    return NULL;
}

static const char *sound_request(char **words)
{
    const char *verb = words[2] ? words[2] : "";
    uint64_t first = word(words, 3), second = word(words, 4);
    uint16_t volumes[2] = {first, second};
    bool in_memory = first <= memory_bytes && second <= (memory_bytes - first) / 4;
    if (!sound_rate)
        return "there is no sound card";
    if (!strcmp(verb, "play")) {
        if (play_left || !second || !in_memory)
            return "it plays already, or no such memory";
        play_at = first;
        play_left = second;
        play_blocks = 0;
        if (!playing)
            spice_server_playback_start(&playback);
        if (!playing || frames_since(play_began) > play_put + sound_rate / 10) {
            play_began = now_ms(); /* there was a pause */
            play_put = 0;
        }
        playing = true;
        marks_from = play_put;
        play_tick(NULL);
    } else if (!strcmp(verb, "mark")) {
        Device *device = device_of(words, 4);
        if (!device || mark_count == MAX_MARKS)
            return "no such device, or too many marks";
        marks[mark_count++] = (Mark){.frame = first, .device = device, .address = word(words, 5)};
        marks_from = UINT64_MAX / 2; /* until the block is played */
    } else if (!strcmp(verb, "stop")) {
        if (playing)
            spice_server_playback_stop(&playback);
        playing = false;
    } else if (!strcmp(verb, "volume"))
        spice_server_playback_set_volume(&playback, 2, volumes);
    else if (!strcmp(verb, "mute"))
        spice_server_playback_set_mute(&playback, first);
    else if (!strcmp(verb, "compress"))
        spice_server_set_playback_compression(server, first);
    else if (!strcmp(verb, "record")) {
        if (record_left || !second || !in_memory)
            return "it records already, or no such memory";
        record_at = first;
        record_left = second;
        record_taken = record_short = 0;
        record_began = now_ms();
        spice_server_record_start(&microphone);
        timer_start(record_timer, TICK_MS);
    } else if (!strcmp(verb, "record_volume"))
        spice_server_record_set_volume(&microphone, 2, volumes);
    else if (!strcmp(verb, "record_mute"))
        spice_server_record_set_mute(&microphone, first);
    else
        return "no such request";
    return NULL;
}
