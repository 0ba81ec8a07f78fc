/* The words of crossings by what is called: _word in instrument/crossings.py. Functions are made anew for each call,
   their code is not. */

#include "core.h"

typedef struct {
    PyObject *code, *owner; /* owner is NULL for a function */
    PyObject *word;
    uint64_t mark;
} CrossingKnown;

#define CROSSINGS_KNOWN 1024
static CrossingKnown crossings_known[CROSSINGS_KNOWN];

/* What a function or a span says that it wraps; borrowed, NULL for nothing. */
static PyObject *
crossing_wrapped_by(PyObject *function)
{
    PyObject *attributes =
        PyFunction_Check(function) ? ((PyFunctionObject *)function)->func_dict : ((Span *)function)->dict;
    return attributes != NULL && PyDict_GET_SIZE(attributes) ? PyDict_GetItemWithError(attributes, asgi_wrapped) : NULL;
}

/* The entry for what most crossings lead to, a method or a function, or what wraps a function that wraps nothing, as a
   view's span does; NULL for anything else. */
static CrossingKnown *
crossing_word_place(PyObject *function, PyObject **code, PyObject **owner)
{
    *owner = NULL;
    if (PyMethod_Check(function)) {
        *owner = (PyObject *)Py_TYPE(PyMethod_GET_SELF(function));
        function = PyMethod_GET_FUNCTION(function);
    }
    if (!PyFunction_Check(function) && Py_TYPE(function) != &SpanType)
        return NULL;
    PyObject *wrapped = crossing_wrapped_by(function);
    if (wrapped == NULL && !PyFunction_Check(function))
        return NULL;
    if (wrapped != NULL) {
        if (!PyFunction_Check(wrapped) || crossing_wrapped_by(wrapped) != NULL)
            return NULL;
        function = wrapped;
        *owner = NULL;
    }
    *code = PyFunction_GET_CODE(function);
    size_t place = ((uintptr_t)*code >> 4) * 31 ^ ((uintptr_t)*owner >> 4);
    return &crossings_known[(place ^ place >> 10) % CROSSINGS_KNOWN];
}

/* The word for a crossing into ``function``, a new reference, and its mark; NULL with an exception. */
static PyObject *
crossing_word_of(PyObject *function, uint64_t *mark)
{
    PyObject *code, *owner;
    CrossingKnown *place = crossing_word_place(function, &code, &owner);
    if (place != NULL && place->code == code && place->owner == owner) {
        *mark = place->mark;
        return Py_NewRef(place->word);
    }
    PyObject *word = PyObject_CallFunctionObjArgs(asgi_python.word, asgi_to_thread, function, NULL);
    PyObject *number = word != NULL ? PyObject_CallOneArg(asgi_python.mark, word) : NULL;
    if (number == NULL) {
        Py_XDECREF(word);
        return NULL;
    }
    *mark = PyLong_AsUnsignedLongLong(number);
    Py_DECREF(number);
    if (*mark == (uint64_t)-1 && PyErr_Occurred()) {
        Py_DECREF(word);
        return NULL;
    }
    if (place != NULL) {
        CrossingKnown before = *place;
        *place = (CrossingKnown){Py_NewRef(code), Py_XNewRef(owner), Py_NewRef(word), *mark};
        Py_XDECREF(before.code);
        Py_XDECREF(before.owner);
        Py_XDECREF(before.word);
    }
    return word;
}
