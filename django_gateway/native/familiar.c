/* Familiar: what familiar.Environs has learned, found without bytecode. It learns nothing by itself.

   Only everyday values are known here: exact texts in ASCII, whole numbers, truths, None and tuples of these. What is
   anything else is not found, and Environs tells it in Python. Nothing secret is here: Environs sees to that. */

#include "core.h"
#include "tables.c"

/* What wsgi_handover.begin looks for in an environ. */
enum { SCRIPT_NAME, PATH_INFO, METHOD, QUERY, REQUEST_ID, PORT, ADDRESS, LENGTH, SOFTWARE, SOCKET, HANDED };

static const char *const handed_names[] = {
    "SCRIPT_NAME", "PATH_INFO", "REQUEST_METHOD", "QUERY_STRING", "HTTP_X_REQUEST_ID", "REMOTE_PORT", "REMOTE_ADDR",
    "CONTENT_LENGTH", "SERVER_SOFTWARE", "gunicorn.socket",
};
static PyObject *handed_keys[HANDED];

enum { SHAPE_KEYS = 160, SHAPES = 64, COMMON = 64 };

/* Values that came together, one for each key of their shape: of objects the type, of what changes NULL. */
typedef struct Common {
    struct Common *next;
    uint64_t hash;
    PyObject *number;
    PyObject *values[];
} Common;

typedef struct Shape {
    struct Shape *next;
    uint64_t hash;
    Py_ssize_t uses, count, changing;
    Common *common[COMMON];
    unsigned char roles[SHAPE_KEYS], places[SHAPE_KEYS]; /* places: where what changes is */
    short handed[HANDED];                                /* where begin's keys are, or -1 */
    PyObject *keys[];
} Shape;

/* An environ that is known. Until ``familiar_tell`` it is held; values are borrowed where nothing changes. */
typedef struct {
    Shape *shape;
    PyObject *number, *values[SHAPE_KEYS];
} Seen;

typedef struct {
    PyObject_HEAD
    Tables *tables; /* the redactor's */
    Shape *shapes[SHAPES];
} Familiar;

#include "shapes.c"

/* Whether all is known. Nothing is done if not; if it is, ``familiar_tell`` has to be called. */
static int
familiar_look(Familiar *self, PyObject *environ, Seen *seen)
{
    PyObject *keys[SHAPE_KEYS], **values = seen->values;
    if (!PyDict_CheckExact(environ) || PyDict_GET_SIZE(environ) > SHAPE_KEYS)
        return 0;
    Py_ssize_t position = 0, count = 0;
    uint64_t hash = 0;
    while (PyDict_Next(environ, &position, &keys[count], &values[count])) {
        if (!everyday(keys[count]))
            return 0;
        hash = mixed(hash, (uint64_t)((PyASCIIObject *)keys[count++])->hash);
    }
    Shape *shape = find_shape(self, keys, count, hash);
    if (shape == NULL || hash_values(shape, values, &hash) < 0)
        return 0;
    Common *common = find_common(shape, values, hash);
    if (common == NULL)
        return 0;
    for (Py_ssize_t i = 0; i < count; i++)
        if (shape->roles[i] == OBJECT && (PyObject *)Py_TYPE(values[i]) != common->values[i])
            return 0;
    /* Held from now on: what is called later may let another thread change the environ, or forget. */
    shape->uses++;
    seen->shape = shape;
    seen->number = Py_NewRef(common->number);
    for (Py_ssize_t i = 0; i < shape->changing; i++)
        Py_INCREF(values[shape->places[i]]);
    return 1;
}

/* Environs.entries of what was looked at; without ``told`` nothing but an end of it. */
static PyObject *
familiar_tell(Familiar *self, Seen *seen, int told)
{
    Shape *shape = seen->shape;
    PyObject *entries = told ? PyList_New(1 + shape->changing) : NULL;
    for (Py_ssize_t i = 0; i < shape->changing; i++) {
        int place = shape->places[i], role = shape->roles[place];
        PyObject *value = seen->values[place];
        if (entries == NULL)
            Py_DECREF(value);
        else if (role == OPENLY && everyday(value) && PyUnicode_GET_LENGTH(value) < 64 && is_told(letters_of(value)))
            PyList_SET_ITEM(entries, i + 1, value);
        else {
            PyObject *entry = environ_entry(self->tables, shape->keys[place], role, value);
            Py_DECREF(value);
            if (entry == NULL)
                Py_CLEAR(entries);
            else
                PyList_SET_ITEM(entries, i + 1, entry);
        }
    }
    if (entries != NULL)
        PyList_SET_ITEM(entries, 0, seen->number);
    else
        Py_DECREF(seen->number);
    release_shape(shape);
    return entries;
}

static PyObject *
familiar_find(Familiar *self, PyObject *environ)
{
    Seen seen;
    return familiar_look(self, environ, &seen) ? familiar_tell(self, &seen, 1) : Py_NewRef(Py_None);
}

static Shape *
add_shape(Familiar *self, PyObject *const *keys, const char *roles, Py_ssize_t count, uint64_t hash)
{
    Shape *shape = PyMem_Calloc(1, sizeof(Shape) + (size_t)count * sizeof(PyObject *));
    if (shape == NULL)
        return NULL;
    shape->hash = hash;
    shape->uses = 1;
    shape->count = count;
    for (Py_ssize_t i = 0; i < count; i++) {
        shape->keys[i] = Py_NewRef(keys[i]);
        shape->roles[i] = (unsigned char)roles[i];
        if (roles[i] != STEADY && roles[i] != OBJECT)
            shape->places[shape->changing++] = (unsigned char)i;
    }
    for (int each = 0; each < HANDED; each++) {
        shape->handed[each] = -1;
        for (Py_ssize_t i = 0; i < count; i++)
            if (same_everyday(keys[i], handed_keys[each]))
                shape->handed[each] = (short)i;
    }
    shape->next = self->shapes[hash % SHAPES];
    self->shapes[hash % SHAPES] = shape;
    return shape;
}

static int
hash_keys(PyObject *keys, uint64_t *hash)
{
    *hash = 0;
    if (PyTuple_GET_SIZE(keys) > SHAPE_KEYS)
        return -1;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(keys); i++) {
        PyObject *key = PyTuple_GET_ITEM(keys, i);
        if (!everyday(key) || PyUnicode_GET_LENGTH(key) > STEADY_TEXT || PyObject_Hash(key) == -1)
            return -1;
        *hash = mixed(*hash, (uint64_t)((PyASCIIObject *)key)->hash);
    }
    return 0;
}

/* remember(keys, roles, values, number): see Common and the roles. What is not of everyday is not remembered. */
static PyObject *
familiar_remember(Familiar *self, PyObject *args)
{
    PyObject *keys, *values, *number;
    const char *roles;
    Py_ssize_t length;
    if (!PyArg_ParseTuple(args, "O!y#O!O", &PyTuple_Type, &keys, &roles, &length, &PyTuple_Type, &values, &number))
        return NULL;
    Py_ssize_t count = PyTuple_GET_SIZE(keys);
    uint64_t hash;
    if (length != count || PyTuple_GET_SIZE(values) != count) {
        PyErr_SetString(PyExc_ValueError, "a role and a value for each key");
        return NULL;
    }
    if (hash_keys(keys, &hash) < 0)
        Py_RETURN_NONE;
    PyObject *const *items = &PyTuple_GET_ITEM(keys, 0), *const *given = &PyTuple_GET_ITEM(values, 0);
    Shape *shape = find_shape(self, items, count, hash);
    if (shape == NULL && (shape = add_shape(self, items, roles, count, hash)) == NULL)
        return PyErr_NoMemory();
    if (memcmp(shape->roles, roles, (size_t)count) != 0 || hash_values(shape, given, &hash) < 0) {
        /* They may be equal to values that are known here, and have taken their place in Environs. */
        forget_commons(shape);
        Py_RETURN_NONE;
    }
    Common *common = find_common(shape, given, hash);
    if (common == NULL) {
        common = PyMem_Calloc(1, sizeof(Common) + (size_t)count * sizeof(PyObject *));
        if (common == NULL)
            return PyErr_NoMemory();
        common->hash = hash;
        common->next = shape->common[hash % COMMON];
        shape->common[hash % COMMON] = common;
    }
    for (Py_ssize_t i = 0; i < count; i++)
        if (roles[i] == STEADY || roles[i] == OBJECT)
            Py_XSETREF(common->values[i], Py_NewRef(given[i]));
    Py_XSETREF(common->number, Py_NewRef(number));
    Py_RETURN_NONE;
}

/* forget(keys): all of this shape; without keys all shapes. */
static PyObject *
familiar_forget(Familiar *self, PyObject *keys)
{
    uint64_t hash;
    Shape *only = NULL;
    if (PyTuple_CheckExact(keys)) {
        if (hash_keys(keys, &hash) < 0)
            Py_RETURN_NONE;
        only = find_shape(self, &PyTuple_GET_ITEM(keys, 0), PyTuple_GET_SIZE(keys), hash);
        if (only == NULL)
            Py_RETURN_NONE;
    }
    for (int i = 0; i < SHAPES; i++)
        for (Shape **place = &self->shapes[i]; *place != NULL;) {
            Shape *shape = *place;
            if (only != NULL && shape != only) {
                place = &shape->next;
                continue;
            }
            *place = shape->next;
            release_shape(shape);
        }
    Py_RETURN_NONE;
}

static int
familiar_init(Familiar *self, PyObject *args, PyObject *kwargs)
{
    PyObject *tables;
    if (!PyArg_ParseTuple(args, "O!", &TablesType, &tables))
        return -1;
    Py_XSETREF(self->tables, (Tables *)Py_NewRef(tables));
    return 0;
}

static int
familiar_traverse(Familiar *self, visitproc visit, void *arg)
{
    Py_VISIT(self->tables);
    for (int i = 0; i < SHAPES; i++)
        for (Shape *shape = self->shapes[i]; shape != NULL; shape = shape->next)
            for (int j = 0; shape->uses == 1 && j < COMMON; j++)
                for (Common *common = shape->common[j]; common != NULL; common = common->next)
                    for (Py_ssize_t each = 0; each < shape->count; each++)
                        Py_VISIT(common->values[each]);
    return 0;
}

static int
familiar_clear(Familiar *self)
{
    Py_DECREF(familiar_forget(self, Py_None));
    Py_CLEAR(self->tables);
    return 0;
}

static void
familiar_dealloc(Familiar *self)
{
    PyObject_GC_UnTrack(self);
    familiar_clear(self);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef familiar_methods[] = {
    {"find", (PyCFunction)familiar_find, METH_O, NULL},
    {"remember", (PyCFunction)familiar_remember, METH_VARARGS, NULL},
    {"forget", (PyCFunction)familiar_forget, METH_O, NULL},
    {NULL},
};

static PyTypeObject FamiliarType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "django_gateway.native.core.Familiar",
    .tp_doc = "What familiar.Environs has learned.",
    .tp_basicsize = sizeof(Familiar),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)familiar_init,
    .tp_traverse = (traverseproc)familiar_traverse,
    .tp_clear = (inquiry)familiar_clear,
    .tp_dealloc = (destructor)familiar_dealloc,
    .tp_methods = familiar_methods,
};

static int
familiar_setup(PyObject *module)
{
    for (int each = 0; each < HANDED; each++)
        if ((handed_keys[each] = PyUnicode_InternFromString(handed_names[each])) == NULL)
            return -1;
    if (tables_setup(module) < 0 || PyType_Ready(&FamiliarType) < 0)
        return -1;
    return PyModule_AddObjectRef(module, "Familiar", (PyObject *)&FamiliarType);
}
