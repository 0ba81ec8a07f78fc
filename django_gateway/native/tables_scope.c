/* Redactor.scope, from tables. A part of tables.c. */

#include "core.h"

/* legible.plain of a client's address and port; NULL without an exception for what is no such thing. */
static PyObject *
plain_items(PyObject *items)
{
    Py_ssize_t length = PyTuple_GET_SIZE(items);
    PyObject *plain = length > 4 ? NULL : PyList_New(length);
    for (Py_ssize_t i = 0; plain != NULL && i < length; i++) {
        PyObject *item = PyTuple_GET_ITEM(items, i);
        int overflow = 0;
        if (PyLong_CheckExact(item))
            (void)PyLong_AsLongLongAndOverflow(item, &overflow);
        if (overflow || (!PyLong_CheckExact(item) && item != Py_None && !PyBool_Check(item)
                         && (!everyday(item) || PyUnicode_GET_LENGTH(item) >= LONGEST)))
            Py_CLEAR(plain);
        else
            PyList_SET_ITEM(plain, i, Py_NewRef(item));
    }
    PyErr_Clear();
    return plain;
}

/* (key, *value.items()) */
static PyObject *
spelled(PyObject *key, PyObject *value)
{
    Py_ssize_t position = 0, place = 0, length = PyDict_GET_SIZE(value);
    PyObject *name, *item, *made = PyTuple_New(1 + length);
    if (made == NULL)
        return NULL;
    PyTuple_SET_ITEM(made, 0, Py_NewRef(key));
    while (place < length && PyDict_Next(value, &position, &name, &item)) {
        PyObject *pair = pair_of(name, item);
        if (pair == NULL)
            break;
        PyTuple_SET_ITEM(made, ++place, pair);
    }
    if (place < length)
        Py_CLEAR(made);
    return made;
}

/* What is told beside the key, or NULL: with an exception, or without where it is for Python. */
static PyObject *
scope_value(Tables *self, PyObject *key, PyObject *value)
{
    if (PyBytes_CheckExact(value)) {
        Letters letters = letters_of(value);
        int is_query = same_everyday(key, name_query_bytes);
        if (letters.length >= LONGEST || !is_ascii(letters)
            || !(is_query || (same_everyday(key, name_raw_path) && is_told(letters))))
            return NULL;
        PyObject *text = PyUnicode_FromStringAndSize(letters.text, letters.length);
        if (text == NULL || !is_query)
            return text;
        PyObject *told = told_query(self, text);
        Py_DECREF(text);
        return told;
    }
    if (everyday(value)) /* "path": others have a number */
        return same_everyday(key, name_path) && PyDict_GetItemWithError(self->secret, key) == Py_False
                       && PyUnicode_GET_LENGTH(value) <= LONGEST && is_told(letters_of(value))
                   ? Py_NewRef(value)
                   : NULL;
    if (PyList_CheckExact(value))
        return same_everyday(key, name_headers) ? tables_headers(self, value) : NULL;
    if (PyTuple_CheckExact(value))
        return same_everyday(key, name_client) ? plain_items(value) : NULL;
    if (PyDict_CheckExact(value) && PyDict_GET_SIZE(value) == 0 && same_everyday(key, name_state))
        return PyDict_New();
    return NULL;
}

static PyObject *
scope_entry(Tables *self, PyObject *key, PyObject *value)
{
    PyObject *number = NULL, *pair = NULL;
    if (everyday(value)) {
        if (!same_everyday(key, name_path))
            number = number_of(self, self->scope, key, value, NULL);
    }
    else if (PyUnicode_CheckExact(value) || (PyTuple_CheckExact(value) && !same_everyday(key, name_client)))
        pair = pair_of(key, value);
    else if (PyDict_CheckExact(value) && same_everyday(key, name_asgi))
        pair = spelled(key, value);
    if (pair != NULL) {
        number = PyDict_GetItemWithError(self->scope, pair);
        Py_XINCREF(number);
        Py_DECREF(pair);
        if (number != NULL)
            return number;
    }
    if (number != NULL)
        return Py_NewRef(number);
    if (PyErr_Occurred()) {
        if (!PyErr_ExceptionMatches(PyExc_Exception))
            return NULL;
        PyErr_Clear();
    }
    PyObject *told = scope_value(self, key, value);
    if (told != NULL) {
        pair = pair_of(key, told);
        Py_DECREF(told);
        return pair;
    }
    if (PyErr_Occurred())
        return NULL;
    PyObject *arguments[] = {self->redactor, key, value};
    return PyObject_VectorcallMethod(name_scope_entry, arguments, 3, NULL);
}

/* Redactor.scope; None where it is for Python, and nothing was done. */
static PyObject *
tables_scope(Tables *self, PyObject *scope)
{
    enum { ITEMS = 32 };
    PyObject *keys[ITEMS], *values[ITEMS], *entries;
    if (!PyDict_CheckExact(scope) || PyDict_GET_SIZE(scope) > ITEMS)
        Py_RETURN_NONE;
    Py_ssize_t position = 0, count = 0;
    while (PyDict_Next(scope, &position, &keys[count], &values[count]))
        if (!everyday(keys[count++]))
            Py_RETURN_NONE;
    /* Held: what is called below may let another thread change the scope. */
    for (Py_ssize_t i = 0; i < count; i++) {
        Py_INCREF(keys[i]);
        Py_INCREF(values[i]);
    }
    entries = PyList_New(count);
    for (Py_ssize_t i = 0; entries != NULL && i < count; i++) {
        PyObject *entry = scope_entry(self, keys[i], values[i]);
        if (entry == NULL)
            Py_CLEAR(entries);
        else
            PyList_SET_ITEM(entries, i, entry);
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        Py_DECREF(keys[i]);
        Py_DECREF(values[i]);
    }
    return entries;
}
