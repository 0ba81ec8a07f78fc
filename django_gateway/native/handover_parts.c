/* Parts of a handover, from what an environ says. A part of handover.c. */

#include "core.h"

/* The two with ``between`` in the middle, which may be 0. */
static PyObject *
handover_joined(PyObject *one, char between, PyObject *other)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(one), rest = PyUnicode_GET_LENGTH(other);
    PyObject *made = PyUnicode_New(length + (between != 0) + rest, 127);
    if (made == NULL)
        return NULL;
    char *text = (char *)PyUnicode_1BYTE_DATA(made);
    memcpy(text, everyday_text(one), (size_t)length);
    if (between != 0)
        text[length++] = between;
    memcpy(text + length, everyday_text(other), (size_t)rest);
    return made;
}

static inline int
handover_has(PyObject *found)
{
    return found != NULL && PyUnicode_GET_LENGTH(found) > 0;
}

static PyObject *
handover_path(Handed handed)
{
    if (!handover_has(handed[SCRIPT_NAME]))
        return Py_NewRef(handed[PATH_INFO] != NULL ? handed[PATH_INFO] : nothing);
    if (!handover_has(handed[PATH_INFO]))
        return Py_NewRef(handed[SCRIPT_NAME]);
    return handover_joined(handed[SCRIPT_NAME], 0, handed[PATH_INFO]);
}

static PyObject *
handover_client(Handed handed)
{
    if (handover_has(handed[PORT]))
        return handover_joined(handed[ADDRESS] != NULL ? handed[ADDRESS] : nothing, ':', handed[PORT]);
    return Py_NewRef(handover_has(handed[ADDRESS]) ? handed[ADDRESS] : Py_None);
}

static long long
handover_length(PyObject *told)
{
    long long size = 0;
    Py_ssize_t length = told != NULL ? PyUnicode_GET_LENGTH(told) : 0;
    if (length >= 19)
        return 0;
    for (Py_ssize_t i = 0; i < length; i++) {
        int digit = everyday_text(told)[i] - '0';
        if (digit < 0 || digit > 9)
            return 0;
        size = size * 10 + digit;
    }
    return size;
}
