/* Numbers, heads and texts of MessagePack. A part of messagepack.c. */

#include "core.h"

static int
pack_grow(size_t size)
{
    size_t used = (size_t)(pack_at - pack_start), most = 2 * (used + size) + 4096;
    unsigned char *grown = PyMem_Realloc(pack_start, most);
    if (grown == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    pack_start = grown;
    pack_at = grown + used;
    pack_end = grown + most;
    return 0;
}

static inline int
pack_room(size_t size)
{
    return (size_t)(pack_end - pack_at) >= size ? 0 : pack_grow(size);
}

/* What a number takes at most, with what pack_bytes writes beyond. */
#define PACK_NUMBER 16

/* The last ``size`` bytes of ``number``, the first one first; where the next goes. There is room. */
static inline unsigned char *
pack_bytes(unsigned char *at, unsigned char head, uint64_t number, int size)
{
    uint64_t turned = htobe64(number << (64 - 8 * size));
    *at = head;
    memcpy(at + 1, &turned, 8);
    return at + 1 + size;
}

static inline unsigned char *
pack_unsigned(unsigned char *at, uint64_t number)
{
    if (number > 0xFFFFFFFF)
        return pack_bytes(at, 0xCF, number, 8);
    if (number > 0xFFFF)
        return pack_bytes(at, 0xCE, number, 4);
    if (number > 0xFF)
        return pack_bytes(at, 0xCD, number, 2);
    if (number > 0x7F)
        return pack_bytes(at, 0xCC, number, 1);
    *at = (unsigned char)number;
    return at + 1;
}

static inline void
pack_signed(int64_t number)
{
    if (number >= 0)
        pack_at = pack_unsigned(pack_at, (uint64_t)number);
    else if (number >= -0x20)
        *pack_at++ = (unsigned char)number;
    else if (number >= INT8_MIN)
        pack_at = pack_bytes(pack_at, 0xD0, (uint64_t)number, 1);
    else if (number >= INT16_MIN)
        pack_at = pack_bytes(pack_at, 0xD1, (uint64_t)number, 2);
    else if (number >= INT32_MIN)
        pack_at = pack_bytes(pack_at, 0xD2, (uint64_t)number, 4);
    else
        pack_at = pack_bytes(pack_at, 0xD3, (uint64_t)number, 8);
}

static inline int
pack_number(int64_t number)
{
    if (pack_room(PACK_NUMBER) < 0)
        return -1;
    pack_signed(number);
    return 0;
}

/* The head of a text, an array or a map: ``small`` with up to ``most`` items in it, else a longer one. */
static inline void
pack_head(unsigned char small, size_t most, unsigned char longer, size_t count)
{
    if (count <= most)
        *pack_at++ = small | (unsigned char)count;
    else if (count <= 0xFFFF)
        pack_at = pack_bytes(pack_at, longer, count, 2);
    else
        pack_at = pack_bytes(pack_at, longer + 1, count, 4);
}

static inline int
pack_array(Py_ssize_t count)
{
    if (count > UINT32_MAX || pack_room(PACK_NUMBER) < 0)
        return -1;
    pack_head(0x90, 15, 0xDC, (size_t)count);
    return 0;
}

static int
pack_text(PyObject *text)
{
    Py_ssize_t length;
    const char *data;
    if (PyUnicode_IS_COMPACT_ASCII(text)) {
        length = PyUnicode_GET_LENGTH(text);
        data = (const char *)PyUnicode_1BYTE_DATA(text);
    }
    else if ((data = PyUnicode_AsUTF8AndSize(text, &length)) == NULL)
        return -1;
    if (length > UINT32_MAX || pack_room((size_t)length + PACK_NUMBER) < 0)
        return -1;
    if (length > 31 && length <= 0xFF)
        pack_at = pack_bytes(pack_at, 0xD9, (size_t)length, 1);
    else
        pack_head(0xA0, 31, 0xDA, (size_t)length);
    memcpy(pack_at, data, (size_t)length);
    pack_at += length;
    return 0;
}
