/* Redactor.headers, from tables. A part of tables.c. */

#include "core.h"

/* A header that browsers send and that no table has, because it is secret. */
static inline int
is_cookie(PyObject *name)
{
    return PyBytes_CheckExact(name) && PyBytes_GET_SIZE(name) == 6 && memcmp(PyBytes_AS_STRING(name), "cookie", 6) == 0;
}

/* Redactor._header for what is in no table, or NULL without an exception. */
static PyObject *
new_header(Tables *self, PyObject *pair, PyObject *given, PyObject *value)
{
    Letters text = letters_of(value), called = letters_of(given);
    PyObject *name = given, *hide = Py_None;
    if (PyBytes_CheckExact(given)) {
        PyObject *named = PyDict_GetItemWithError(self->names, given);
        if (named == NULL || !PyTuple_CheckExact(named) || PyTuple_GET_SIZE(named) != 2)
            return NULL;
        name = PyTuple_GET_ITEM(named, 0);
        hide = PyTuple_GET_ITEM(named, 1);
    }
    else if (PyDict_GetItemWithError(self->secret, given) != Py_False)
        return NULL;
    if (hide != Py_None)
        return is_cookie(given) ? with_cookie(name, value) : NULL;
    if (text.length > STEADY_TEXT || called.length > STEADY_TEXT || same_letters(called, letters_of(name_query_string))
        || !is_ascii(text) || !is_told(text))
        return NULL;
    PyObject *told = PyBytes_CheckExact(value) ? PyUnicode_FromStringAndSize(text.text, text.length) : Py_NewRef(value);
    PyObject *entry = told == NULL ? NULL : pair_of(name, told);
    Py_XDECREF(told);
    if (entry != NULL && !is_first(self, pair))
        Py_CLEAR(entry);
    return entry;
}

/* A pair of two texts or two times bytes. */
static inline int
is_everyday_pair(PyObject *pair)
{
    if (!PyTuple_CheckExact(pair) || PyTuple_GET_SIZE(pair) != 2)
        return 0;
    PyObject *name = PyTuple_GET_ITEM(pair, 0), *value = PyTuple_GET_ITEM(pair, 1);
    return PyBytes_CheckExact(name) ? PyBytes_CheckExact(value) : everyday(name) && everyday(value);
}

/* Redactor.headers of a list. */
static PyObject *
tables_headers(Tables *self, PyObject *given)
{
    if (!PyList_CheckExact(given)) {
        PyErr_SetString(PyExc_TypeError, "headers(list)");
        return NULL;
    }
    Py_ssize_t length = PyList_GET_SIZE(given);
    PyObject *pairs = PyList_GetSlice(given, 0, length), *entries = pairs == NULL ? NULL : PyList_New(length);
    for (Py_ssize_t i = 0; entries != NULL && i < length; i++) {
        PyObject *pair = PyList_GET_ITEM(pairs, i);
        PyObject *number = NULL;
        if (!is_everyday_pair(pair))
            number = PyDict_GetItemWithError(self->headers, pair);
        else if (!is_cookie(PyTuple_GET_ITEM(pair, 0)))
            number = number_of(self, self->headers, PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1), pair);
        if (number == NULL && PyErr_Occurred()) {
            /* Pairs that are lists, as some servers and applications make them. */
            if (!PyErr_ExceptionMatches(PyExc_Exception))
                Py_CLEAR(entries);
            else
                PyErr_Clear();
            for (Py_ssize_t each = 0; entries != NULL && each < length; each++)
                PyList_SetItem(entries, each, Py_NewRef(Py_None));
            break;
        }
        PyList_SET_ITEM(entries, i, Py_NewRef(number != NULL ? number : Py_None));
    }
    for (Py_ssize_t i = 0; entries != NULL && i < length; i++) {
        if (PyList_GET_ITEM(entries, i) != Py_None)
            continue;
        PyObject *pair = PyList_GET_ITEM(pairs, i), *arguments[] = {self->redactor, pair}, *entry = NULL;
        if (is_everyday_pair(pair)) {
            entry = new_header(self, pair, PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1));
            PyErr_Clear();
        }
        if (entry == NULL)
            entry = PyObject_VectorcallMethod(name_header, arguments, 2, NULL);
        if (entry == NULL)
            Py_CLEAR(entries);
        else
            PyList_SetItem(entries, i, entry);
    }
    Py_XDECREF(pairs);
    return entries;
}
