/* Tables: what redaction.Redactor has found harmless or has a word for, looked up without bytecode.

   Only everyday values are known here: exact texts in ASCII, and exact bytes. All else, and all that is secret except
   for cookies, is told by the redactor in Python. What is remembered here besides is in one of its tables as well. */

#include "core.h"

/* The last three are redaction.py's and legible.py's bounds. */
enum { KNOWN = 1024, STEADY_TEXT = 512, REMEMBERED = 4096, LONGEST = 8192 };

/* What becomes of a key's value: the letters that familiar.Environs gives. */
enum { STEADY = 's', OBJECT = 'o', OPENLY = 'p', CHANGING = 'c', SECRET = 'h', COOKIE = 'k' };

/* A pair that was found in a table, and its number. */
typedef struct {
    uint64_t hash;
    PyObject *table, *key, *value, *number;
} Known;

typedef struct {
    PyObject_HEAD
    PyObject *redactor, *environ, *scope, *headers, *names, *secret, *once, *innocent;
    Known known[KNOWN];
} Tables;

/* Names, made once. */
static PyObject *name_environ_entry, *name_new_entry, *name_scope_entry, *name_header, *name_query, *name_query_string,
    *name_query_bytes, *name_path, *name_raw_path, *name_asgi, *name_headers, *name_client, *name_state;

static const CoreName tables_words[] = {
    {&name_environ_entry, "environ_entry"}, {&name_new_entry, "_environ_entry"}, {&name_scope_entry, "_scope_entry"},
    {&name_header, "_header"}, {&name_query, "query"}, {&name_query_string, "QUERY_STRING"},
    {&name_query_bytes, "query_string"}, {&name_path, "path"}, {&name_raw_path, "raw_path"}, {&name_asgi, "asgi"},
    {&name_headers, "headers"}, {&name_client, "client"}, {&name_state, "state"},
};

#include "letters.c"

static inline PyObject *
pair_of(PyObject *key, PyObject *value)
{
    /* Held first: where memory is asked for, garbage may be collected, and any code be run. */
    Py_INCREF(key);
    Py_INCREF(value);
    PyObject *pair = PyTuple_New(2);
    if (pair == NULL) {
        Py_DECREF(key);
        Py_DECREF(value);
        return NULL;
    }
    PyTuple_SET_ITEM(pair, 0, key);
    PyTuple_SET_ITEM(pair, 1, value);
    return pair;
}

/* The table's number of this pair of texts or of bytes, borrowed, or NULL; ``pair`` may be NULL. */
static PyObject *
number_of(Tables *self, PyObject *table, PyObject *key, PyObject *value, PyObject *pair)
{
    Letters name = letters_of(key), text = letters_of(value);
    uint64_t hash = mixed_letters(mixed_letters((uintptr_t)table, name), text);
    Known *known = &self->known[hash % KNOWN];
    if (known->hash == hash && known->table == table && Py_IS_TYPE(known->key, Py_TYPE(key))
        && Py_IS_TYPE(known->value, Py_TYPE(value)) && same_everyday(known->key, key)
        && same_everyday(known->value, value))
        return known->number;
    PyObject *made = pair != NULL ? Py_NewRef(pair) : pair_of(key, value);
    PyObject *number = made == NULL ? NULL : PyDict_GetItemWithError(table, made);
    Py_XDECREF(made);
    if (number == NULL) {
        PyErr_Clear();
        return NULL;
    }
    known->hash = hash;
    known->table = table;
    Py_XSETREF(known->key, Py_NewRef(key));
    Py_XSETREF(known->value, Py_NewRef(value));
    Py_XSETREF(known->number, Py_NewRef(number));
    return number;
}

/* Redactor._keep for what comes for the first time: whether it did, and is kept in mind now. */
static int
is_first(Tables *self, PyObject *pair)
{
    if (PySet_GET_SIZE(self->once) <= REMEMBERED && PySet_Contains(self->once, pair) == 0
        && PySet_Add(self->once, pair) == 0)
        return 1;
    PyErr_Clear();
    return 0;
}

static inline PyObject *
with_cookie(PyObject *name, PyObject *value)
{
    PyObject *told = concealed_cookie(letters_of(value)), *pair = NULL;
    if (told != NULL) {
        pair = pair_of(name, told);
        Py_DECREF(told);
    }
    if (pair == NULL)
        PyErr_Clear();
    return pair;
}

/* Redactor.environ_entry. */
static PyObject *
environ_entry(Tables *self, PyObject *key, int role, PyObject *value)
{
    PyObject *name = name_environ_entry;
    if (everyday(value)) {
        name = name_new_entry;
        if (role == COOKIE) {
            PyObject *pair = with_cookie(key, value);
            if (pair != NULL)
                return pair;
        }
        else if (role != SECRET) {
            PyObject *number = number_of(self, self->environ, key, value, NULL);
            if (number != NULL)
                return Py_NewRef(number);
            Letters text = letters_of(value);
            int is_open = same_everyday(key, name_query_string)
                              ? text.length == 0 || PySet_Contains(self->innocent, value) == 1
                              : is_told(text);
            PyObject *pair = is_open && text.length <= STEADY_TEXT ? pair_of(key, value) : NULL;
            if (pair != NULL && is_first(self, pair))
                return pair;
            PyErr_Clear();
            Py_XDECREF(pair);
        }
    }
    PyObject *arguments[] = {self->redactor, key, value};
    return PyObject_VectorcallMethod(name, arguments, 3, NULL);
}

#include "tables_headers.c"

/* Redactor.query. */
static PyObject *
told_query(Tables *self, PyObject *query)
{
    if (PyUnicode_GET_LENGTH(query) == 0 || PySet_Contains(self->innocent, query) == 1)
        return Py_NewRef(query);
    PyErr_Clear();
    PyObject *arguments[] = {self->redactor, query};
    return PyObject_VectorcallMethod(name_query, arguments, 2, NULL);
}

#include "tables_scope.c"

/* forget(): one of the tables starts anew. */
static PyObject *
tables_forget(Tables *self, PyObject *none)
{
    for (Known *known = self->known; known < self->known + KNOWN; known++) {
        known->table = NULL;
        Py_CLEAR(known->key);
        Py_CLEAR(known->value);
        Py_CLEAR(known->number);
    }
    Py_RETURN_NONE;
}

static int
tables_init(Tables *self, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"_environ", "_scope", "_headers", "_names", "_secret", "_once", "_innocent"};
    PyObject *redactor, **field = &self->redactor;
    if (!PyArg_ParseTuple(args, "O", &redactor))
        return -1;
    Py_XSETREF(*field, Py_NewRef(redactor));
    for (size_t i = 0; i < Py_ARRAY_LENGTH(names); i++) {
        PyObject *table = PyObject_GetAttrString(redactor, names[i]);
        if (table == NULL)
            return -1;
        field++;
        Py_XSETREF(*field, table);
        if (i < 5 ? !PyDict_CheckExact(table) : !PySet_CheckExact(table)) {
            PyErr_SetString(PyExc_TypeError, "not a redactor");
            return -1;
        }
    }
    return 0;
}

static int
tables_traverse(Tables *self, visitproc visit, void *arg)
{
    for (PyObject **field = &self->redactor; field <= &self->innocent; field++)
        Py_VISIT(*field);
    return 0;
}

static int
tables_clear(Tables *self)
{
    Py_DECREF(tables_forget(self, NULL));
    for (PyObject **field = &self->redactor; field <= &self->innocent; field++)
        Py_CLEAR(*field);
    return 0;
}

static void
tables_dealloc(Tables *self)
{
    PyObject_GC_UnTrack(self);
    tables_clear(self);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef tables_methods[] = {
    {"headers", (PyCFunction)tables_headers, METH_O, NULL},
    {"scope", (PyCFunction)tables_scope, METH_O, NULL},
    {"forget", (PyCFunction)tables_forget, METH_NOARGS, NULL},
    {NULL},
};

static PyTypeObject TablesType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "django_gateway.native.core.Tables",
    .tp_doc = "What redaction.Redactor has found harmless, or has a word for.",
    .tp_basicsize = sizeof(Tables),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)tables_init,
    .tp_traverse = (traverseproc)tables_traverse,
    .tp_clear = (inquiry)tables_clear,
    .tp_dealloc = (destructor)tables_dealloc,
    .tp_methods = tables_methods,
};

static int
tables_setup(PyObject *module)
{
    if (core_names(tables_words, Py_ARRAY_LENGTH(tables_words)) < 0)
        return -1;
    return PyType_Ready(&TablesType) < 0 ? -1 : PyModule_AddObjectRef(module, "Tables", (PyObject *)&TablesType);
}
