/* What instrument/headers.py does for headers that were only added. A part of spans.c. */

#include "core.h"

/* Names of the headers behind the first ``skipped``: the tuple of before where they are the same; NULL for no names. */
static PyObject *
added_names(PyObject *values, Py_ssize_t skipped, PyObject *before)
{
    Py_ssize_t size = PyTuple_GET_SIZE(values) - skipped;
    int same = before != NULL && PyTuple_GET_SIZE(before) == size;
    for (Py_ssize_t i = 0; i < size; i++) {
        PyObject *value = PyTuple_GET_ITEM(values, skipped + i);
        if (!PyTuple_CheckExact(value) || PyTuple_GET_SIZE(value) != 2 ||
            !PyUnicode_CheckExact(PyTuple_GET_ITEM(value, 0)))
            return NULL;
        same = same && PyTuple_GET_ITEM(before, i) == PyTuple_GET_ITEM(value, 0);
    }
    if (same)
        return Py_NewRef(before);
    PyObject *names = PyTuple_New(size);
    for (Py_ssize_t i = 0; names != NULL && i < size; i++)
        PyTuple_SET_ITEM(names, i, Py_NewRef(PyTuple_GET_ITEM(PyTuple_GET_ITEM(values, skipped + i), 0)));
    return names;
}

/* 1 where the headers are as they were or only more, which is told here; 0 where Python has to look; -1 on an error. */
static int
headers_added(Span *self, Fields *recording, PyObject *store, int64_t at)
{
    PyObject *last = recording->header_values == Py_None ? NULL : recording->header_values;
    Py_ssize_t size = PyDict_GET_SIZE(store), before = 0, position = 0, i = 0;
    PyObject *key, *value;
    if (last != NULL) {
        if (!PyTuple_CheckExact(last) || (before = PyTuple_GET_SIZE(last)) > size)
            return 0;
        for (; i < before && PyDict_Next(store, &position, &key, &value); i++)
            if (value != PyTuple_GET_ITEM(last, i))
                return 0;
        if (before == size)
            return 1;
    }
    PyObject *values = PyTuple_New(size);
    if (values == NULL)
        return -1;
    for (position = 0, i = 0; i < size && PyDict_Next(store, &position, &key, &value); i++)
        PyTuple_SET_ITEM(values, i, Py_NewRef(value));
    PyObject *names = added_names(values, before, self->names);
    if (names == NULL) {
        Py_DECREF(values);
        return PyErr_Occurred() ? -1 : 0;
    }
    if (names != self->names) {
        PyObject *word = PyObject_CallFunctionObjArgs(headers_word, self->by, names, NULL);
        if (word == NULL || !PyLong_CheckExact(word)) { /* no room for a word: Python spells it out */
            Py_XDECREF(word);
            Py_DECREF(names);
            Py_DECREF(values);
            return word == NULL ? -1 : 0;
        }
        Py_XSETREF(self->names, Py_NewRef(names));
        Py_XSETREF(self->word, word);
    }
    Py_DECREF(names);
    core_set(&recording->header_values, values);
    core_append(recording, Py_NewRef(self->word));
    core_append(recording, PyLong_FromLongLong(at));
    return 1;
}

/* What ``instrument.headers.passed`` does; no exception may be set. */
static void
headers_passed(Span *self, Fields *recording, PyObject *response, int64_t at)
{
    PyObject *cookies = attribute(response, str_cookies), *store = NULL;
    int told = 0;
    if (cookies == NULL)
        return;
    if (PyDict_Check(cookies) && PyDict_GET_SIZE(cookies) == 0) {
        PyObject *headers = attribute(response, str_headers);
        store = headers == NULL ? NULL : attribute(headers, str_store);
        Py_XDECREF(headers);
        if (store == NULL) {
            Py_DECREF(cookies);
            return;
        }
        if (PyDict_CheckExact(store))
            told = headers_added(self, recording, store, at);
    }
    if (told == 0) {
        PyObject *instant = PyLong_FromLongLong(at), *none = NULL;
        if (instant != NULL)
            none = PyObject_CallFunctionObjArgs(headers_passed_in_python, recording, response, self->by, instant, NULL);
        told = none == NULL ? -1 : 1;
        Py_XDECREF(instant);
        Py_XDECREF(none);
    }
    if (told < 0)
        core_fault();
    Py_XDECREF(store);
    Py_DECREF(cookies);
}
