/* Calls into the reference codecs, shaped for ctypes.  The reference's own files are compiled beside this one,
   unmodified, from an unpacked source package; nothing of them is kept here. */
#include <config.h>
#include <glib.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <pixman.h>

#include "common/quic.h"
#include "common/lz.h"
#include "common/canvas_utils.h"
#include "common/canvas_base.h"
#include "decode.h"
#ifdef WITH_GLZ_ENCODER
#include "glz-encoder.h"
#endif

static jmp_buf failed;

static void note(void *usr, const char *format, ...) { (void)usr; (void)format; }
static void give_up(void *usr, const char *format, ...) { (void)usr; (void)format; longjmp(failed, 1); }
static void *get(void *usr, int size) { (void)usr; return malloc(size); }
static void put(void *usr, void *memory) { (void)usr; free(memory); }
static int no_words(QuicUsrContext *usr, uint32_t **words, int rows) { (void)usr; (void)words; (void)rows; return 0; }
static int no_bytes(LzUsrContext *usr, uint8_t **bytes) { (void)usr; (void)bytes; return 0; }
static int quic_no_lines(QuicUsrContext *usr, uint8_t **lines) { (void)usr; (void)lines; return 0; }
static int lz_no_lines(LzUsrContext *usr, uint8_t **lines) { (void)usr; (void)lines; return 0; }

void spice_backtrace(void) { }

static QuicUsrContext quic_usr = {
    .error = (void *)give_up, .warn = (void *)note, .info = (void *)note,
    .malloc = (void *)get, .free = (void *)put, .more_space = no_words, .more_lines = quic_no_lines,
};
static LzUsrContext lz_usr = {
    .error = (void *)give_up, .warn = (void *)note, .info = (void *)note,
    .malloc = (void *)get, .free = (void *)put, .more_space = no_bytes, .more_lines = lz_no_lines,
};

static QuicContext *quic(void)
{
    static QuicContext *context;
    return context ? context : (context = quic_create(&quic_usr));
}

static LzContext *lz(void)
{
    static LzContext *context;
    return context ? context : (context = lz_create(&lz_usr));
}

/* Returns the number of bytes written, or -1. */
int ref_quic_encode(int type, int width, int height, uint8_t *pixels, int stride, uint32_t *out, int words)
{
    if (setjmp(failed)) {
        return -1;
    }
    return 4 * quic_encode(quic(), type, width, height, pixels, height, stride, out, words);
}

/* `out` may be NULL: memory is then taken and given back, as a client does for each image. */
int ref_quic_decode(uint8_t *data, int size, uint8_t *out)
{
    QuicImageType type;
    int width, height, bytes, status;
    uint8_t *memory = NULL;

    if (setjmp(failed)) {
        return -1;
    }
    if (quic_decode_begin(quic(), (uint32_t *)(void *)data, size / 4, &type, &width, &height) != QUIC_OK) {
        return -1;
    }
    bytes = type == QUIC_IMAGE_TYPE_GRAY ? 1 : 4;
    if (type == QUIC_IMAGE_TYPE_RGB16 || type == QUIC_IMAGE_TYPE_RGB24) {
        type = QUIC_IMAGE_TYPE_RGB32;
    }
    if (!out) {
        out = memory = malloc((size_t)width * height * bytes);
    }
    status = quic_decode(quic(), type, out, width * bytes);
    free(memory);
    return status == QUIC_OK ? 0 : -1;
}

int ref_lz_encode(int type, int width, int height, int top_down, uint8_t *pixels, int stride, uint8_t *out, int size)
{
    if (setjmp(failed)) {
        return -1;
    }
    return lz_encode(lz(), type, width, height, top_down, pixels, height, stride, out, size);
}

/* Writes every pixel that the stream has, padding columns of PLT1 and PLT4 included, in stream order. */
int ref_lz_decode(uint8_t *data, int size, uint8_t *out, uint32_t *colours, int count)
{
    LzImageType type, to;
    int width, height, pixels, top_down;
    uint8_t *memory = NULL;
    SpicePalette *palette = NULL;

    if (count) {
        palette = calloc(1, sizeof(*palette) + 256 * sizeof(uint32_t));
        palette->num_ents = count;
        memcpy(palette->ents, colours, count * sizeof(uint32_t));
    }
    if (setjmp(failed)) {
        return -1;
    }
    lz_decode_begin(lz(), data, size, &type, &width, &height, &pixels, &top_down, palette);
    to = type == LZ_IMAGE_TYPE_RGBA || type == LZ_IMAGE_TYPE_XXXA ? type : LZ_IMAGE_TYPE_RGB32;
    if (!out) {
        out = memory = malloc((size_t)pixels * 4);
    }
    lz_decode(lz(), to, out);
    free(memory);
    free(palette);
    return 0;
}

/* The decoder's window waits for images; here each has come before it is asked for. */
GCoroutine *g_coroutine_self(void) { return NULL; }
int g_coroutine_condition_wait(GCoroutine *self, int (*ready)(void *), void *data) { (void)self; return ready(data); }

typedef struct {
    SpiceGlzDecoderWindow *window;
    SpiceGlzDecoder *decoder;
} GlzReader;

GlzReader *ref_glz_reader(void)
{
    GlzReader *reader = malloc(sizeof(*reader));
    reader->window = glz_decoder_window_new();
    reader->decoder = glz_decoder_new(reader->window);
    return reader;
}

void ref_glz_reader_free(GlzReader *reader)
{
    glz_decoder_destroy(reader->decoder);
    glz_decoder_window_destroy(reader->window);
    free(reader);
}

/* `out` may be NULL; otherwise it gets the rows top first. */
int ref_glz_decode(GlzReader *reader, uint8_t *data, uint8_t *out)
{
    LzDecodeUsrData usr = { 0 };

    reader->decoder->ops->decode(reader->decoder, data, NULL, &usr);
    if (!usr.out_surface) {
        return -1;
    }
    if (out) {
        int width = pixman_image_get_width(usr.out_surface), height = pixman_image_get_height(usr.out_surface);
        int stride = pixman_image_get_stride(usr.out_surface);
        uint8_t *pixels = (uint8_t *)pixman_image_get_data(usr.out_surface);
        for (int y = 0; y < height; y++) {
            memcpy(out + (size_t)y * width * 4, pixels + (ptrdiff_t)y * stride, (size_t)width * 4);
        }
    }
    pixman_image_unref(usr.out_surface);
    return 0;
}

#ifdef WITH_GLZ_ENCODER
static int glz_no_bytes(GlzEncoderUsrContext *usr, uint8_t **bytes) { (void)usr; (void)bytes; return 0; }
static int glz_no_lines(GlzEncoderUsrContext *usr, uint8_t **lines) { (void)usr; (void)lines; return 0; }
static void glz_free_image(GlzEncoderUsrContext *usr, GlzUsrImageContext *image) { (void)usr; free(image); }

static GlzEncoderUsrContext glz_usr = {
    .error = (void *)note, .warn = (void *)note, .info = (void *)note, .malloc = (void *)get, .free = (void *)put,
    .more_space = glz_no_bytes, .more_lines = glz_no_lines, .free_image = glz_free_image,
};

typedef struct {
    GlzEncDictContext *dictionary;
    GlzEncoderContext *encoders[2];
} GlzWriter;

GlzWriter *ref_glz_writer(uint32_t window_px)
{
    GlzWriter *writer = malloc(sizeof(*writer));
    writer->dictionary = glz_enc_dictionary_create(window_px, 2, &glz_usr);
    writer->encoders[0] = glz_encoder_create(0, writer->dictionary, &glz_usr);
    writer->encoders[1] = glz_encoder_create(1, writer->dictionary, &glz_usr);
    return writer;
}

/* The dictionary refers to the pixels until it drops the image, so it gets a copy. */
int ref_glz_encode(GlzWriter *writer, int who, int type, int width, int height, int top_down, uint8_t *pixels, int stride,
                   uint8_t *out, int size)
{
    GlzEncDictImageContext *image;
    uint8_t *copy = malloc((size_t)stride * height + 64);

    memcpy(copy, pixels, (size_t)stride * height);
    return glz_encode(writer->encoders[who], type, width, height, top_down, copy, height, stride, out, size, copy, &image);
}

void ref_glz_writer_free(GlzWriter *writer)
{
    glz_enc_dictionary_destroy(writer->dictionary, &glz_usr);
    glz_encoder_destroy(writer->encoders[0]);
    glz_encoder_destroy(writer->encoders[1]);
    free(writer);
}
#endif
