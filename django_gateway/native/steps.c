/* Steps and stepped, see clocks.py, and what stepped has in common with a crossing: it is an awaitable that drives a
   coroutine.

   Seen from outside such an awaitable passes for the coroutine that it drives, so that whoever follows ``cr_await`` to
   see what a task is in comes through. */

#include "core.h"

typedef struct {
    PyObject_HEAD
    long long count, running, longest, since, seen, begun;
    PyObject *sample, *stack, *held_up_by, *heart, *lag;
} Steps;

typedef enum { DRIVEN_FRESH, DRIVEN_SUSPENDED, DRIVEN_RUNNING, DRIVEN_OVER } DrivenState;

/* What both kinds begin with. The coroutine is NULL once it is over. */
#define DRIVEN PyObject_HEAD PyObject *coroutine; DrivenState state;

typedef struct {
    DRIVEN
} Driven;

typedef struct {
    DRIVEN
    Steps *steps;
} Stepped;

static PyTypeObject SteppedType;
static PyObject *asgi_rest, *asgi_close, *asgi_throw;
static PyObject *asgi_stepped_in_python; /* for other awaitables than coroutines, and other steps than ours */

static void crossing_ended(Driven *driven); /* crossings.c */

/* Steps: ``rest`` and ``loop`` are Python's. */

static PyObject *
steps_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    Steps *self = (Steps *)type->tp_alloc(type, 0);
    if (self == NULL)
        return NULL;
    self->sample = Py_NewRef(Py_None);
    self->stack = Py_NewRef(Py_None);
    self->heart = Py_NewRef(Py_None);
    self->lag = Py_NewRef(Py_None);
    self->held_up_by = PyList_New(0);
    if (self->held_up_by == NULL) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static int
steps_traverse(Steps *self, visitproc visit, void *arg)
{
    Py_VISIT(self->sample);
    Py_VISIT(self->stack);
    Py_VISIT(self->held_up_by);
    Py_VISIT(self->heart);
    Py_VISIT(self->lag);
    return 0;
}

static int
steps_clear(Steps *self)
{
    Py_CLEAR(self->sample);
    Py_CLEAR(self->stack);
    Py_CLEAR(self->held_up_by);
    Py_CLEAR(self->heart);
    Py_CLEAR(self->lag);
    return 0;
}

static void
steps_dealloc(Steps *self)
{
    PyObject_GC_UnTrack(self);
    steps_clear(self);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMemberDef steps_members[] = {
    {"count", T_LONGLONG, offsetof(Steps, count), 0, NULL},
    {"running", T_LONGLONG, offsetof(Steps, running), 0, NULL},
    {"longest", T_LONGLONG, offsetof(Steps, longest), 0, NULL},
    {"since", T_LONGLONG, offsetof(Steps, since), 0, NULL},
    {"seen", T_LONGLONG, offsetof(Steps, seen), 0, NULL},
    {"begun", T_LONGLONG, offsetof(Steps, begun), 0, NULL},
    {"sample", T_OBJECT, offsetof(Steps, sample), 0, NULL},
    {"stack", T_OBJECT, offsetof(Steps, stack), 0, NULL},
    {"held_up_by", T_OBJECT, offsetof(Steps, held_up_by), 0, NULL},
    {"heart", T_OBJECT, offsetof(Steps, heart), 0, NULL},
    {"lag", T_OBJECT, offsetof(Steps, lag), 0, NULL},
    {NULL},
};

static PyTypeObject StepsType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "django_gateway.native.core.Steps",
    .tp_doc = "What the event loop gave one exchange.",
    .tp_basicsize = sizeof(Steps),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = steps_new,
    .tp_traverse = (traverseproc)steps_traverse,
    .tp_clear = (inquiry)steps_clear,
    .tp_dealloc = (destructor)steps_dealloc,
    .tp_members = steps_members,
};

static inline void
steps_begin(Steps *steps)
{
    steps->since = core_now();
}

static inline void
steps_end(Steps *steps, int64_t started)
{
    int64_t step = core_now() - started;
    steps->since = 0;
    steps->count++;
    steps->running += step;
    if (step > steps->longest) {
        steps->longest = step;
        PyObject *before = steps->stack;
        steps->stack = steps->sample;
        steps->sample = Py_NewRef(Py_None);
        Py_XDECREF(before);
    }
    else if (steps->sample != Py_None)
        core_set(&steps->sample, NULL);
}

#include "driven.c"

static int
stepped_traverse(Stepped *self, visitproc visit, void *arg)
{
    Py_VISIT(self->coroutine);
    Py_VISIT(self->steps);
    return 0;
}

static void
stepped_dealloc(Stepped *self)
{
    if (self->state == DRIVEN_SUSPENDED && PyObject_CallFinalizerFromDealloc((PyObject *)self) < 0)
        return;
    PyObject_GC_UnTrack(self);
    Py_CLEAR(self->coroutine);
    Py_CLEAR(self->steps);
    PyObject_GC_Del(self);
}

static PyTypeObject SteppedType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "django_gateway.native.core.Stepped",
    .tp_doc = "Awaits a coroutine and times each of its steps.",
    .tp_basicsize = sizeof(Stepped),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = (traverseproc)stepped_traverse,
    .tp_clear = (inquiry)driven_clear,
    .tp_dealloc = (destructor)stepped_dealloc,
    .tp_finalize = (destructor)driven_finalize,
    .tp_as_async = &driven_async,
    .tp_iternext = (iternextfunc)driven_next,
    .tp_methods = driven_methods,
    .tp_getset = driven_asks,
};

/* stepped(coroutine, steps) */
static PyObject *
core_stepped(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    if (count != 2 || !PyCoro_CheckExact(args[0]) || !PyObject_TypeCheck(args[1], &StepsType))
        return PyObject_Vectorcall(asgi_stepped_in_python, args, (size_t)count, NULL);
    Stepped *self = PyObject_GC_New(Stepped, &SteppedType);
    if (self == NULL)
        return NULL;
    self->coroutine = Py_NewRef(args[0]);
    self->steps = (Steps *)Py_NewRef(args[1]);
    self->state = DRIVEN_FRESH;
    PyObject_GC_Track(self);
    return (PyObject *)self;
}

/* connect_steps(stepped): the Python function that does the same. */
static PyObject *
core_connect_steps(PyObject *module, PyObject *stepped)
{
    Py_XSETREF(asgi_stepped_in_python, Py_NewRef(stepped));
    Py_RETURN_NONE;
}

#define STEPS_METHODS \
    {"stepped", (PyCFunction)(void (*)(void))core_stepped, METH_FASTCALL, NULL}, \
    {"connect_steps", core_connect_steps, METH_O, NULL},

static int
steps_setup(PyObject *module)
{
    asgi_rest = PyUnicode_InternFromString("rest");
    asgi_close = PyUnicode_InternFromString("close");
    asgi_throw = PyUnicode_InternFromString("throw");
    if (asgi_rest == NULL || asgi_close == NULL || asgi_throw == NULL || PyType_Ready(&StepsType) < 0 ||
        PyType_Ready(&SteppedType) < 0)
        return -1;
    return PyModule_AddObjectRef(module, "Steps", (PyObject *)&StepsType);
}
