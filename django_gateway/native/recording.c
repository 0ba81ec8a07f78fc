/* Fields: the base of a Recording. Objects are None and numbers 0 until somebody sets them. */

#include "core.h"

static unsigned int counter;
static PyObject *nothing, *nobody, *unmarked; /* "", (None, None), blackbox.UNMARKED */

static PyObject *
fields_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    Fields *self = (Fields *)type->tp_alloc(type, 0);
    if (self == NULL)
        return NULL;
    for (PyObject **field = &self->recorder; field <= &self->finished_trail; field++)
        *field = Py_NewRef(Py_None);
    core_set(&self->query, Py_NewRef(nothing));
    core_set(&self->server, Py_NewRef(nobody));
    core_set(&self->mark, Py_NewRef(unmarked));
    return (PyObject *)self;
}

static int
fields_begin(Fields *self, PyObject *recorder, PyObject *interface, PyObject *type, PyObject *vantage, PyObject *path)
{
    PyObject *trail = PyList_New(0);
    if (trail == NULL)
        return -1;
    core_set(&self->recorder, Py_NewRef(recorder));
    core_set(&self->interface, Py_NewRef(interface));
    core_set(&self->type, Py_NewRef(type));
    core_set(&self->vantage, Py_NewRef(vantage));
    core_set(&self->path, Py_NewRef(path));
    core_set(&self->trail, trail);
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    self->started_at = (long long)wall.tv_sec * 1000000000 + wall.tv_nsec;
    self->id = (self->started_at / 1000) << 12 | (counter++ & 0xFFF);
    self->started = core_now();
    return 0;
}

static int
fields_init(Fields *self, PyObject *args, PyObject *kwargs)
{
    PyObject *recorder, *interface, *type, *vantage, *path;
    static char *names[] = {"recorder", "interface", "kind", "vantage", "path", NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOOOO", names, &recorder, &interface, &type, &vantage, &path))
        return -1;
    return fields_begin(self, recorder, interface, type, vantage, path);
}

static int
fields_traverse(Fields *self, visitproc visit, void *arg)
{
    for (PyObject **field = &self->recorder; field <= &self->finished_trail; field++)
        Py_VISIT(*field);
    return 0;
}

static int
fields_clear(Fields *self)
{
    for (PyObject **field = &self->recorder; field <= &self->finished_trail; field++)
        core_set(field, NULL);
    return 0;
}

static void
fields_dealloc(Fields *self)
{
    PyObject_GC_UnTrack(self);
    for (PyObject **field = &self->recorder; field <= &self->finished_trail; field++)
        Py_CLEAR(*field);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyObject *
fields_let_go(Fields *self, PyObject *none)
{
    PyObject **let_go[] = {&self->failed_with, &self->task, &self->way, &self->at_end, &self->coroutine,
                           &self->connections, &self->header_values};
    for (size_t i = 0; i < Py_ARRAY_LENGTH(let_go); i++)
        core_set(let_go[i], NULL);
    Py_RETURN_NONE;
}

static PyMethodDef fields_methods[] = {{"let_go", (PyCFunction)fields_let_go, METH_NOARGS, NULL}, {NULL}};

#define OBJECT(name) {#name, T_OBJECT, offsetof(Fields, name), 0, NULL}
#define NUMBER(name) {#name, T_LONGLONG, offsetof(Fields, name), 0, NULL}
#define TRUTH(name) {#name, T_BOOL, offsetof(Fields, name), 0, NULL}

static PyMemberDef fields_members[] = {
    OBJECT(recorder), OBJECT(interface), OBJECT(type), OBJECT(vantage), OBJECT(path), OBJECT(trail),
    OBJECT(method), OBJECT(query), OBJECT(request_id), OBJECT(status), OBJECT(client), OBJECT(descriptor),
    OBJECT(server), OBJECT(handover), OBJECT(match), OBJECT(headers), OBJECT(failure), OBJECT(scheduler),
    OBJECT(steps), OBJECT(task), OBJECT(coroutine), OBJECT(close), OBJECT(returned), OBJECT(home), OBJECT(away),
    OBJECT(thread), OBJECT(unseen), OBJECT(threads), OBJECT(way), OBJECT(connections), OBJECT(header_values),
    OBJECT(mark), OBJECT(at_end),
    {"_failed_with", T_OBJECT, offsetof(Fields, failed_with), 0, NULL},
    {"_finished_trail", T_OBJECT, offsetof(Fields, finished_trail), 0, NULL},
    NUMBER(id), NUMBER(started_at), NUMBER(started), NUMBER(ended), NUMBER(shown_at), NUMBER(shown_length),
    NUMBER(view_time), NUMBER(middleware_time), NUMBER(bytes_in), NUMBER(bytes_out), NUMBER(chunks),
    NUMBER(received), NUMBER(sent), NUMBER(crossings), NUMBER(dropped),
    NUMBER(outside),
    TRUTH(done), TRUTH(discard), TRUTH(reading), TRUTH(streamed),
    {NULL},
};

PyTypeObject FieldsType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "django_gateway.native.core.Fields",
    .tp_doc = "What every recording has.",
    .tp_basicsize = sizeof(Fields),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = fields_new,
    .tp_init = (initproc)fields_init,
    .tp_traverse = (traverseproc)fields_traverse,
    .tp_clear = (inquiry)fields_clear,
    .tp_dealloc = (destructor)fields_dealloc,
    .tp_members = fields_members,
    .tp_methods = fields_methods,
};

/* reach(recording, word, mark) -> instant: an event without open fields, now. */
static PyObject *
core_reach_now(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    if (count != 3 || !PyObject_TypeCheck(args[0], &FieldsType)) {
        PyErr_SetString(PyExc_TypeError, "reach(recording, word, mark)");
        return NULL;
    }
    uint64_t mark = PyLong_AsUnsignedLongLong(args[2]);
    if (mark == (uint64_t)-1 && PyErr_Occurred())
        return NULL;
    Fields *recording = (Fields *)args[0];
    int64_t at = core_now();
    PyObject *instant = PyLong_FromLongLong(at);
    if (instant == NULL)
        return NULL;
    core_append(recording, Py_NewRef(args[1]));
    core_append(recording, Py_NewRef(instant));
    core_mark(recording, mark, at);
    return instant;
}

/* seed(number): ids of a forked child go on from another one. */
static PyObject *
core_seed(PyObject *module, PyObject *number)
{
    counter = (unsigned int)PyLong_AsUnsignedLongMask(number);
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

#define RECORDING_METHODS \
    {"reach", (PyCFunction)(void (*)(void))core_reach_now, METH_FASTCALL, NULL}, \
    {"seed", core_seed, METH_O, NULL},

static int
recording_setup(PyObject *module)
{
    nothing = PyUnicode_InternFromString("");
    nobody = PyTuple_Pack(2, Py_None, Py_None);
    if (nothing == NULL || nobody == NULL || PyType_Ready(&FieldsType) < 0)
        return -1;
    return PyModule_AddObjectRef(module, "Fields", (PyObject *)&FieldsType);
}
