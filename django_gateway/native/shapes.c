/* Environs with the same keys in the same order, and what they had in common. A part of familiar.c. */

#include "core.h"

/* A value that neither its hash nor its comparison runs code for. */
static int
everyday_value(PyObject *value)
{
    if (value == Py_None || PyBool_Check(value) || PyLong_CheckExact(value))
        return 1;
    if (!PyTuple_CheckExact(value))
        return 0;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(value); i++) {
        PyObject *item = PyTuple_GET_ITEM(value, i);
        if (item != Py_None && !PyBool_Check(item) && !PyLong_CheckExact(item) && !everyday(item))
            return 0;
    }
    return 1;
}

/* The hash of the steady values; -1 and no exception where one is not of everyday. */
static int
hash_values(const Shape *shape, PyObject *const *values, uint64_t *hash)
{
    *hash = 0;
    for (Py_ssize_t i = 0; i < shape->count; i++)
        if (shape->roles[i] == STEADY) {
            if (everyday(values[i])) {
                if (PyUnicode_GET_LENGTH(values[i]) > STEADY_TEXT)
                    return -1;
                *hash = mixed_letters(*hash, letters_of(values[i]));
            }
            else if (!everyday_value(values[i]))
                return -1;
        }
    return 0;
}

static int
is_same(const Shape *shape, const Common *common, PyObject *const *values)
{
    for (Py_ssize_t i = 0; i < shape->count; i++) {
        if (shape->roles[i] != STEADY || values[i] == common->values[i])
            continue;
        int is_text = everyday(values[i]);
        if (is_text != everyday(common->values[i]))
            return 0;
        if (is_text ? !same_everyday(values[i], common->values[i])
                    : PyObject_RichCompareBool(values[i], common->values[i], Py_EQ) != 1)
            return 0;
    }
    return 1;
}

/* The shape of these keys, borrowed, or NULL. All of them are plain where ``find`` looked. */
static Shape *
find_shape(Familiar *self, PyObject *const *keys, Py_ssize_t count, uint64_t hash)
{
    Shape *shape = self->shapes[hash % SHAPES];
    for (; shape != NULL; shape = shape->next) {
        if (shape->hash != hash || shape->count != count)
            continue;
        Py_ssize_t i = 0;
        while (i < count && same_everyday(keys[i], shape->keys[i]))
            i++;
        if (i == count)
            return shape;
    }
    return NULL;
}

static Common *
find_common(const Shape *shape, PyObject *const *values, uint64_t hash)
{
    Common *common = shape->common[hash % COMMON];
    while (common != NULL && (common->hash != hash || !is_same(shape, common, values)))
        common = common->next;
    return common;
}

static void
forget_commons(Shape *shape)
{
    for (int i = 0; i < COMMON; i++) {
        Common *common;
        while ((common = shape->common[i]) != NULL) {
            shape->common[i] = common->next;
            for (Py_ssize_t each = 0; each < shape->count; each++)
                Py_XDECREF(common->values[each]);
            Py_DECREF(common->number);
            PyMem_Free(common);
        }
    }
}

static void
release_shape(Shape *shape)
{
    if (--shape->uses > 0)
        return;
    forget_commons(shape);
    for (Py_ssize_t i = 0; i < shape->count; i++)
        Py_DECREF(shape->keys[i]);
    PyMem_Free(shape);
}
