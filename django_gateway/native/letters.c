/* Texts and bytes in ASCII: what is hidden in them, and finding them again. A part of tables.c. */

#include "core.h"

/* An exact text in ASCII. */
static inline int
everyday(PyObject *text)
{
    return PyUnicode_CheckExact(text) && PyUnicode_IS_COMPACT_ASCII(text);
}

static inline const char *
everyday_text(PyObject *plain)
{
    return (const char *)((PyASCIIObject *)plain + 1);
}

static inline uint64_t
mixed(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
    return hash ^ hash >> 32;
}

/* The letters of a text or of bytes. */
typedef struct {
    const char *text;
    Py_ssize_t length;
} Letters;

static inline Letters
letters_of(PyObject *plain)
{
    return PyBytes_CheckExact(plain) ? (Letters){PyBytes_AS_STRING(plain), PyBytes_GET_SIZE(plain)}
                                     : (Letters){everyday_text(plain), PyUnicode_GET_LENGTH(plain)};
}

/* For finding only: what is found is compared. */
static inline uint64_t
mixed_letters(uint64_t hash, Letters plain)
{
    const char *text = plain.text;
    size_t length = (size_t)plain.length;
    uint64_t word = 0;
    uint32_t first, last;
    hash ^= length;
    if (length >= 8) {
        for (size_t at = 0; at + 8 < length; at += 8) {
            memcpy(&word, text + at, 8);
            hash = mixed(hash, word);
        }
        memcpy(&word, text + length - 8, 8);
    }
    else if (length >= 4) {
        memcpy(&first, text, 4);
        memcpy(&last, text + length - 4, 4);
        word = (uint64_t)first << 32 | last;
    }
    else if (length > 0)
        word = (uint64_t)(unsigned char)text[0] << 16 | (unsigned char)text[length / 2] << 8
               | (unsigned char)text[length - 1];
    return mixed(hash, word);
}

static inline int
same_letters(Letters one, Letters other)
{
    return one.length == other.length && memcmp(one.text, other.text, (size_t)one.length) == 0;
}

static inline int
same_everyday(PyObject *one, PyObject *other)
{
    return one == other || same_letters(letters_of(one), letters_of(other));
}

/* Whether nothing in it can be secret: see Redactor._text. */
static inline int
is_told(Letters plain)
{
    size_t length = (size_t)plain.length;
    return memchr(plain.text, '?', length) == NULL && memchr(plain.text, '#', length) == NULL
           && memchr(plain.text, '@', length) == NULL;
}

static int
is_ascii(Letters plain)
{
    const char *text = plain.text, *end = text + plain.length;
    uint64_t word;
    for (; end - text >= 8; text += 8) {
        memcpy(&word, text, 8);
        if (word & 0x8080808080808080u)
            return 0;
    }
    for (; text < end; text++)
        if (*text & 0x80)
            return 0;
    return 1;
}

/* concealment.cookie and shortened, for what browsers send; NULL without an exception for what they don't. */
static PyObject *
concealed_cookie(Letters plain)
{
    const char *text = plain.text;
    Py_ssize_t length = plain.length, told = 0;
    Py_UCS2 made[1024];
    if (length > LONGEST || !is_ascii(plain))
        return NULL;
    for (Py_ssize_t at = 0; at < length; at++) {
        /* Up to the first "=", which no white space may be before; then up to the ";". */
        for (; at < length && text[at] != '='; at++) {
            if (text[at] == ';' || told >= 1000)
                return NULL;
            made[told++] = (unsigned char)text[at];
        }
        if (at == length || (at > 0 && text[at - 1] <= ' ') || told >= 1000)
            return NULL;
        made[told++] = '=';
        for (int i = 0; i < 5; i++)
            made[told++] = 0x2022;
        const char *end = memchr(text + at, ';', (size_t)(length - at));
        if (end == NULL)
            break;
        at = end - text;
        if (at + 2 >= length || text[at + 1] != ' ')
            return NULL;
        made[told++] = ';';
    }
    return told == 0 ? NULL : PyUnicode_FromKindAndData(PyUnicode_2BYTE_KIND, made, told);
}
