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

static const struct {
    PyObject **made;
    const char *text;
} tables_words[] = {
    {&name_environ_entry, "environ_entry"}, {&name_new_entry, "_environ_entry"}, {&name_scope_entry, "_scope_entry"},
    {&name_header, "_header"}, {&name_query, "query"}, {&name_query_string, "QUERY_STRING"},
    {&name_query_bytes, "query_string"}, {&name_path, "path"}, {&name_raw_path, "raw_path"}, {&name_asgi, "asgi"},
    {&name_headers, "headers"}, {&name_client, "client"}, {&name_state, "state"},
};

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
    for (size_t i = 0; i < Py_ARRAY_LENGTH(tables_words); i++)
        if ((*tables_words[i].made = PyUnicode_InternFromString(tables_words[i].text)) == NULL)
            return -1;
    return PyType_Ready(&TablesType) < 0 ? -1 : PyModule_AddObjectRef(module, "Tables", (PyObject *)&TablesType);
}
