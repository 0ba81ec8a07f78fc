/* MessagePack as msgspec writes it: into one buffer, which is kept between two records. */

#ifndef GATEWAY_MESSAGEPACK
#define GATEWAY_MESSAGEPACK

#include <endian.h>
#include "core.h"

/* What a buffer may keep from one record to the next. */
#define PACK_KEPT (256 * 1024)
/* Deeper data is msgspec's, which says where it is too deep. */
#define PACK_DEPTH 32
#define PACK_STRUCTS 8
#define PACK_FIELDS 8

/* A type of ``exchange``: an array of its fields, which lie at these places of an instance. */
typedef struct {
    PyTypeObject *type;
    int count;
    Py_ssize_t offsets[PACK_FIELDS];
} PackStruct;

static PackStruct pack_structs[PACK_STRUCTS];
static int pack_known;
static PyObject *pack_encode; /* stores.encoding.encode */
static unsigned char *pack_start, *pack_at, *pack_end;

#include "messagepack_parts.c"

/* What msgspec makes of it. */
static int
pack_other(PyObject *value)
{
    PyObject *made = PyObject_CallOneArg(pack_encode, value);
    if (made == NULL)
        return -1;
    int failed = !PyBytes_CheckExact(made) || pack_room((size_t)PyBytes_GET_SIZE(made)) < 0;
    if (!failed) {
        memcpy(pack_at, PyBytes_AS_STRING(made), (size_t)PyBytes_GET_SIZE(made));
        pack_at += PyBytes_GET_SIZE(made);
    }
    Py_DECREF(made);
    return failed ? -1 : 0;
}

/* An int of up to two digits as it lies in memory, as most of a record are: 1 if this is one, and then its number. */
static inline int
pack_small(PyObject *value, uint64_t *number)
{
#if PY_VERSION_HEX < 0x030C0000
    const digit *digits = ((PyLongObject *)value)->ob_digit;
    Py_ssize_t size = Py_SIZE(value);
#elif PY_VERSION_HEX < 0x030F0000
    const digit *digits = ((PyLongObject *)value)->long_value.ob_digit;
    uintptr_t tag = ((PyLongObject *)value)->long_value.lv_tag;
    Py_ssize_t size = (tag & 3) == 2 ? -1 : (Py_ssize_t)(tag >> 3); /* its sign, and how many digits */
#else
    const uint32_t *digits = NULL;
    Py_ssize_t size = -1;
#endif
    if (size == 2)
        *number = (uint64_t)digits[0] | (uint64_t)digits[1] << PyLong_SHIFT;
    else if (size == 1)
        *number = digits[0];
    else if (size == 0)
        *number = 0;
    else
        return 0;
    return 1;
}

static int
pack_large(PyObject *value)
{
    int overflow;
    long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    return overflow ? pack_other(value) : pack_number(number);
}

static inline int
pack_int(PyObject *value)
{
    uint64_t number;
    if (!pack_small(value, &number))
        return pack_large(value);
    if (pack_room(PACK_NUMBER) < 0)
        return -1;
    pack_at = pack_unsigned(pack_at, number);
    return 0;
}

static inline int pack_value(PyObject *value, int depth);
static int pack_rest(PyObject *value, int depth);

static int
pack_map(PyObject *map, int depth)
{
    PyObject *key, *value;
    Py_ssize_t position = 0, count = PyDict_GET_SIZE(map), left = count;
    while (PyDict_Next(map, &position, &key, &value))
        if (!PyUnicode_CheckExact(key) && !PyLong_CheckExact(key))
            return pack_other(map);
    if (count > UINT32_MAX || pack_room(PACK_NUMBER) < 0)
        return -1;
    pack_head(0x80, 15, 0xDE, (size_t)count);
    for (position = 0; PyDict_Next(map, &position, &key, &value); left--) {
        Py_INCREF(key);
        Py_INCREF(value);
        int failed = pack_value(key, depth) < 0 || pack_value(value, depth) < 0;
        Py_DECREF(key);
        Py_DECREF(value);
        if (failed || PyDict_GET_SIZE(map) != count)
            return -1;
    }
    return left == 0 ? 0 : -1;
}

/* The small numbers that ``items`` begin with, as far as there is room; how many those were. */
static inline Py_ssize_t
pack_run(PyObject *const *items, Py_ssize_t count)
{
    unsigned char *at = pack_at;
    Py_ssize_t i = 0, most = (pack_end - at) / PACK_NUMBER;
    uint64_t number;
    if (most > count)
        most = count;
    for (; i < most && Py_IS_TYPE(items[i], &PyLong_Type) && pack_small(items[i], &number); i++)
        at = pack_unsigned(at, number);
    pack_at = at;
    return i;
}

static int
pack_list(PyObject *list, int depth)
{
    Py_ssize_t count = PyList_GET_SIZE(list);
    if (pack_array(count) < 0)
        return -1;
    for (Py_ssize_t i = 0;; i++) {
        i += pack_run(((PyListObject *)list)->ob_item + i, count - i);
        if (i == count)
            return 0;
        PyObject *item = PyList_GET_ITEM(list, i);
        Py_INCREF(item);
        int failed = pack_value(item, depth);
        Py_DECREF(item);
        if (failed || PyList_GET_SIZE(list) != count)
            return -1;
    }
}

static int
pack_array_of(PyObject *const *items, Py_ssize_t count, int depth)
{
    for (Py_ssize_t i = 0; i < count; i++)
        if (pack_value(items[i], depth) < 0)
            return -1;
    return 0;
}

static int
pack_tuple(PyObject *tuple, int depth)
{
    Py_ssize_t count = PyTuple_GET_SIZE(tuple);
    return pack_array(count) < 0 ? -1 : pack_array_of(((PyTupleObject *)tuple)->ob_item, count, depth);
}

static int
pack_struct(PyObject *value, int depth)
{
    for (int i = 0; i < pack_known; i++) {
        const PackStruct *known = &pack_structs[i];
        if (known->type != Py_TYPE(value))
            continue;
        if (pack_array(known->count) < 0)
            return -1;
        for (int field = 0; field < known->count; field++) {
            PyObject *found = *(PyObject **)((char *)value + known->offsets[field]);
            if (found == NULL || pack_value(found, depth) < 0)
                return -1;
        }
        return 0;
    }
    return pack_other(value);
}

/* 0, or -1: then all of it is to be done in Python, whether an exception is set or not. */
static inline int
pack_value(PyObject *value, int depth)
{
    PyTypeObject *type = Py_TYPE(value);
    if (type == &PyLong_Type)
        return pack_int(value);
    if (type == &PyUnicode_Type)
        return pack_text(value);
    return pack_rest(value, depth);
}

static int
pack_rest(PyObject *value, int depth)
{
    PyTypeObject *type = Py_TYPE(value);
    if (value == Py_None || type == &PyBool_Type) {
        if (pack_room(1) < 0)
            return -1;
        *pack_at++ = value == Py_None ? 0xC0 : value == Py_True ? 0xC3 : 0xC2;
        return 0;
    }
    if (type == &PyFloat_Type) {
        double number = PyFloat_AS_DOUBLE(value);
        uint64_t bits;
        memcpy(&bits, &number, 8);
        if (pack_room(PACK_NUMBER) < 0)
            return -1;
        pack_at = pack_bytes(pack_at, 0xCB, bits, 8);
        return 0;
    }
    if (depth >= PACK_DEPTH)
        return pack_other(value);
    if (type == &PyList_Type)
        return pack_list(value, depth + 1);
    if (type == &PyTuple_Type)
        return pack_tuple(value, depth + 1);
    if (type == &PyDict_Type)
        return pack_map(value, depth + 1);
    return pack_struct(value, depth + 1);
}

/* Learn where the fields of a msgspec.Struct lie; a type that looks unlike one is left to msgspec. */
static int
pack_learn(PyObject *type)
{
    PyObject *names = PyObject_GetAttrString(type, "__struct_fields__");
    if (names == NULL)
        return -1;
    if (!PyType_Check(type) || !PyTuple_Check(names) || PyTuple_GET_SIZE(names) > PACK_FIELDS) {
        Py_DECREF(names);
        return 0;
    }
    if (pack_known == PACK_STRUCTS) {
        Py_DECREF(names);
        PyErr_SetString(PyExc_ValueError, "too many types");
        return -1;
    }
    PackStruct *learned = &pack_structs[pack_known];
    learned->count = 0;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); i++) {
        PyObject *member = PyObject_GetAttr(type, PyTuple_GET_ITEM(names, i));
        if (member == NULL) {
            Py_DECREF(names);
            return -1;
        }
        if (Py_IS_TYPE(member, &PyMemberDescr_Type)) {
            const PyMemberDef *definition = ((PyMemberDescrObject *)member)->d_member;
            if (definition->type == T_OBJECT_EX)
                learned->offsets[learned->count++] = definition->offset;
        }
        Py_DECREF(member);
    }
    if (learned->count == PyTuple_GET_SIZE(names)) {
        learned->type = (PyTypeObject *)Py_NewRef(type);
        pack_known++;
    }
    Py_DECREF(names);
    return 0;
}

#endif
