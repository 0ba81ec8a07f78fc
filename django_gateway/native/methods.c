/* Methods of Django's handlers on the way of every request, as the descriptors that stand in their place: resolving the
   URL, making the view that is called, and the call of all, where a recording begins if nothing outside did. Routes and
   views that were seen before are told here; all else is for instrument/view.py and handler.py, which have the same in
   Python. */

#include "core.h"

typedef enum { RESOLVE, MAKE, BEGIN } Way;

typedef struct {
    PyObject_HEAD
    vectorcallfunc vectorcall;
    PyObject *dict;
    PyObject *original;
    /* RESOLVE: known(recording, match) and failed(recording, error); MAKE: around(view, wrapped). BEGIN: what begins a recording. */
    PyObject *python, *failed;
    PyObject *started, *finished; /* words; of RESOLVE only */
    uint64_t began, ended;
    Way way;
} Method;

static PyTypeObject MethodType;

static PyObject *str_func, *str_route, *str_tried, *str_args, *str_kwargs;

#include "routes.c"

/* Whether a match was told here: of a route that is known, without arguments. No exception is left. */
static int
resolved(Method *self, Fields *recording, PyObject *match)
{
    PyObject *func = attribute(match, str_func), *route = NULL, *tried = NULL, *arguments = NULL, *named = NULL;
    int told = 0;
    if (func == NULL)
        return 0;
    Route *known = &routes[place_of(func)];
    if (known->func != func)
        goto done;
    route = attribute(match, str_route);
    tried = attribute(match, str_tried);
    arguments = attribute(match, str_args);
    named = attribute(match, str_kwargs);
    if (route == NULL || !PyUnicode_CheckExact(route) || (route != known->route && PyUnicode_Compare(route, known->route)))
        goto done;
    if (tried == NULL || (tried != Py_None && !PyList_CheckExact(tried)) ||
        (tried == Py_None ? 0 : PyList_GET_SIZE(tried)) != known->tried)
        goto done;
    if (arguments == NULL || !PyTuple_CheckExact(arguments) || PyTuple_GET_SIZE(arguments) || named == NULL ||
        !PyDict_CheckExact(named) || PyDict_GET_SIZE(named))
        goto done;
    int64_t at = core_now();
    PyObject *instant = PyLong_FromLongLong(at);
    core_set(&recording->match, Py_NewRef(known->match));
    core_append(recording, Py_NewRef(self->finished));
    core_append(recording, Py_XNewRef(instant));
    core_append(recording, Py_NewRef(known->route));
    core_mark(recording, self->ended, at);
    core_append(recording, Py_NewRef(known->word));
    core_append(recording, instant);
    told = 1;
done:
    Py_DECREF(func);
    Py_XDECREF(route);
    Py_XDECREF(tried);
    Py_XDECREF(arguments);
    Py_XDECREF(named);
    return told;
}

static PyObject *
resolve(Method *self, Fields *recording, PyObject *const *args, size_t count, PyObject *names)
{
    core_reach(recording, self->started, self->began, core_now());
    PyObject *match = PyObject_Vectorcall(self->original, args, count, names), *none = NULL;
    if (match != NULL) {
        if (resolved(self, recording, match))
            return match;
        none = PyObject_CallFunctionObjArgs(self->python, recording, match, NULL);
        if (none == NULL)
            core_fault();
    } else if (PyErr_ExceptionMatches(PyExc_Exception)) {
        PyObject *type, *error, *trace;
        PyErr_Fetch(&type, &error, &trace);
        PyErr_NormalizeException(&type, &error, &trace);
        none = PyObject_CallFunctionObjArgs(self->failed, recording, error, NULL);
        if (none == NULL)
            core_fault();
        PyErr_Restore(type, error, trace);
    }
    Py_XDECREF(none);
    return match;
}

static PyObject *
make(Method *self, PyObject *const *args, size_t count, PyObject *names)
{
    PyObject *wrapped = PyObject_Vectorcall(self->original, args, count, names);
    if (wrapped == NULL || PyVectorcall_NARGS(count) != 2)
        return wrapped;
    PyObject *view = args[1], *span;
    View *known = &views[place_of(view)];
    if (wrapped == view && known->view == view) {
        span = Py_NewRef(known->span);
    } else {
        span = PyObject_CallFunctionObjArgs(self->python, view, wrapped, NULL);
        if (span == NULL) {
            core_fault();
            return wrapped;
        }
    }
    Py_DECREF(wrapped);
    return span;
}

static PyObject *
method_vectorcall(Method *self, PyObject *const *args, size_t count, PyObject *names)
{
    Fields *recording = core_recording();
    if (self->way == BEGIN && (recording == NULL || recording->done))
        return PyObject_Vectorcall(self->python, args, count, names);
    if (self->way == BEGIN || recording == NULL)
        return PyObject_Vectorcall(self->original, args, count, names);
    if (self->way == MAKE)
        return make(self, args, count, names);
    Py_INCREF(recording);
    PyObject *match = resolve(self, recording, args, count, names);
    Py_DECREF(recording);
    return match;
}

static PyObject *
method_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    int way;
    unsigned long long began, ended;
    PyObject *original, *python, *failed, *started, *finished;
    static char *names[] = {"way", "original", "python", "failed", "started", "finished", "began", "ended", NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "iOOOOOKK", names, &way, &original, &python, &failed, &started,
                                     &finished, &began, &ended))
        return NULL;
    Method *self = (Method *)type->tp_alloc(type, 0);
    if (self == NULL)
        return NULL;
    self->vectorcall = (vectorcallfunc)method_vectorcall;
    self->way = (Way)way;
    self->original = Py_NewRef(original);
    self->python = Py_NewRef(python);
    self->failed = Py_NewRef(failed);
    self->started = Py_NewRef(started);
    self->finished = Py_NewRef(finished);
    self->began = began;
    self->ended = ended;
    return (PyObject *)self;
}

static PyObject *
method_bound(PyObject *self, PyObject *owner, PyObject *type)
{
    return owner == NULL || owner == Py_None ? Py_NewRef(self) : PyMethod_New(self, owner);
}

static int
method_traverse(Method *self, visitproc visit, void *arg)
{
    Py_VISIT(self->dict);
    Py_VISIT(self->original);
    Py_VISIT(self->python);
    Py_VISIT(self->failed);
    return 0;
}

static int
method_clear(Method *self)
{
    Py_CLEAR(self->dict);
    core_set(&self->original, NULL);
    core_set(&self->python, NULL);
    core_set(&self->failed, NULL);
    return 0;
}

static void
method_dealloc(Method *self)
{
    PyObject_GC_UnTrack(self);
    Py_XDECREF(self->dict);
    Py_XDECREF(self->original);
    Py_XDECREF(self->python);
    Py_XDECREF(self->failed);
    Py_XDECREF(self->started);
    Py_XDECREF(self->finished);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyGetSetDef method_attributes[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
    {NULL},
};

static PyTypeObject MethodType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "django_gateway.native.core.Method",
    .tp_basicsize = sizeof(Method),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR,
    .tp_new = method_new,
    .tp_call = PyVectorcall_Call,
    .tp_vectorcall_offset = offsetof(Method, vectorcall),
    .tp_dictoffset = offsetof(Method, dict),
    .tp_descr_get = method_bound,
    .tp_traverse = (traverseproc)method_traverse,
    .tp_clear = (inquiry)method_clear,
    .tp_dealloc = (destructor)method_dealloc,
    .tp_getset = method_attributes,
};

#define METHODS_METHODS \
    {"route", methods_route, METH_VARARGS, NULL}, \
    {"view", methods_view, METH_VARARGS, NULL}, \
    {"forget", methods_forget, METH_NOARGS, NULL},

static int
methods_setup(PyObject *module)
{
    const CoreName names[] = {{&str_func, "func"}, {&str_route, "route"}, {&str_tried, "tried"}, {&str_args, "args"},
                              {&str_kwargs, "kwargs"}};
    if (core_names(names, Py_ARRAY_LENGTH(names)) < 0 || PyType_Ready(&MethodType) < 0)
        return -1;
    return PyModule_AddObjectRef(module, "Method", (PyObject *)&MethodType);
}
