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

/* Driving: a generator's ways, as the generator in clocks.py has them. */

/* It is over, with or without an exception, which stays as it is. */
static void
driven_end(Driven *self)
{
    PyObject *type, *error, *trace;
    self->state = DRIVEN_OVER;
    PyErr_Fetch(&type, &error, &trace);
    if (Py_TYPE(self) != &SteppedType)
        crossing_ended(self);
    else {
        Steps *steps = ((Stepped *)self)->steps;
        if (steps->heart != Py_None) {
            PyObject *until = PyLong_FromLongLong(core_now());
            PyObject *rested = until != NULL ? PyObject_CallMethodOneArg((PyObject *)steps, asgi_rest, until) : NULL;
            if (rested == NULL)
                core_fault();
            Py_XDECREF(rested);
            Py_XDECREF(until);
        }
    }
    Py_CLEAR(self->coroutine);
    PyErr_Restore(type, error, trace);
}

static inline int64_t
driven_resume(Driven *self)
{
    self->state = DRIVEN_RUNNING;
    if (Py_TYPE(self) != &SteppedType)
        return 0;
    Steps *steps = ((Stepped *)self)->steps;
    steps_begin(steps);
    return steps->since;
}

static inline void
driven_pause(Driven *self, int64_t started, int suspended)
{
    if (started)
        steps_end(((Stepped *)self)->steps, started);
    if (suspended)
        self->state = DRIVEN_SUSPENDED;
    else
        driven_end(self);
}

static PyObject *
driven_busy(void)
{
    PyErr_SetString(PyExc_ValueError, "generator already executing");
    return NULL;
}

static PySendResult
driven_send(Driven *self, PyObject *argument, PyObject **result)
{
    if (self->state != DRIVEN_SUSPENDED) {
        *result = NULL;
        if (self->state == DRIVEN_RUNNING) {
            driven_busy();
            return PYGEN_ERROR;
        }
        if (self->state == DRIVEN_OVER) {
            *result = Py_NewRef(Py_None);
            return PYGEN_RETURN;
        }
        if (argument != Py_None) {
            PyErr_SetString(PyExc_TypeError, "can't send non-None value to a just-started generator");
            return PYGEN_ERROR;
        }
    }
    int64_t started = driven_resume(self);
    PySendResult how = PyIter_Send(self->coroutine, argument, result);
    driven_pause(self, started, how == PYGEN_NEXT);
    return how;
}

/* The same for those who want StopIteration. */
static PyObject *
driven_sent(Driven *self, PyObject *argument)
{
    PyObject *result;
    PySendResult how = driven_send(self, argument, &result);
    if (how != PYGEN_RETURN)
        return result;
    if (result == Py_None) {
        Py_DECREF(result);
        PyErr_SetNone(PyExc_StopIteration);
        return NULL;
    }
    /* An instance: a tuple or an exception would be taken apart as its arguments. */
    PyObject *stop = PyObject_CallOneArg(PyExc_StopIteration, result);
    Py_DECREF(result);
    if (stop != NULL) {
        PyErr_SetObject(PyExc_StopIteration, stop);
        Py_DECREF(stop);
    }
    return NULL;
}

static PyObject *
driven_next(Driven *self)
{
    return driven_sent(self, Py_None);
}

static PyObject *
driven_close(Driven *self, PyObject *none)
{
    if (self->state == DRIVEN_RUNNING)
        return driven_busy();
    if (self->state == DRIVEN_FRESH) {
        self->state = DRIVEN_OVER;
        if (Py_TYPE(self) != &SteppedType)
            driven_end(self);
        else
            Py_CLEAR(self->coroutine);
    }
    else if (self->state == DRIVEN_SUSPENDED) {
        self->state = DRIVEN_RUNNING;
        PyObject *closed = PyObject_CallMethodNoArgs(self->coroutine, asgi_close);
        driven_end(self);
        if (closed == NULL)
            return NULL;
        Py_DECREF(closed);
    }
    Py_RETURN_NONE;
}

static void
driven_raise(PyObject *const *args, Py_ssize_t count)
{
    if (PyExceptionInstance_Check(args[0]))
        PyErr_SetObject(PyExceptionInstance_Class(args[0]), args[0]);
    else
        PyErr_SetObject(args[0], count > 1 && args[1] != Py_None ? args[1] : NULL);
    if (count > 2 && PyTraceBack_Check(args[2])) {
        PyObject *type, *error, *trace;
        PyErr_Fetch(&type, &error, &trace);
        Py_XDECREF(trace);
        PyErr_Restore(type, error, Py_NewRef(args[2]));
    }
}

static PyObject *
driven_throw(Driven *self, PyObject *const *args, Py_ssize_t count)
{
    if (count < 1 || count > 3) {
        PyErr_Format(PyExc_TypeError, "throw expected 1 to 3 arguments, got %zd", count);
        return NULL;
    }
    if (!PyExceptionClass_Check(args[0]) && !PyExceptionInstance_Check(args[0])) {
        PyErr_Format(PyExc_TypeError, "exceptions must be classes or instances deriving from BaseException, not %s",
                     Py_TYPE(args[0])->tp_name);
        return NULL;
    }
    if (self->state == DRIVEN_RUNNING)
        return driven_busy();
    if (self->state != DRIVEN_SUSPENDED || PyErr_GivenExceptionMatches(args[0], PyExc_GeneratorExit)) {
        PyObject *closed = driven_close(self, NULL);
        if (closed == NULL)
            return NULL;
        Py_DECREF(closed);
        driven_raise(args, count);
        return NULL;
    }
    PyObject *vector[4] = {self->coroutine, args[0], count > 1 ? args[1] : NULL, count > 2 ? args[2] : NULL};
    int64_t started = driven_resume(self);
    PyObject *result = PyObject_VectorcallMethod(asgi_throw, vector, (size_t)count + 1, NULL);
    driven_pause(self, started, result != NULL);
    return result;
}

static void
driven_finalize(Driven *self)
{
    if (self->state != DRIVEN_SUSPENDED)
        return;
    PyObject *type, *error, *trace;
    PyErr_Fetch(&type, &error, &trace);
    PyObject *closed = driven_close(self, NULL);
    if (closed == NULL)
        PyErr_WriteUnraisable((PyObject *)self);
    Py_XDECREF(closed);
    PyErr_Restore(type, error, trace);
}

/* For the garbage collector, which has closed what was suspended. */
static int
driven_clear(Driven *self)
{
    self->state = DRIVEN_OVER;
    Py_CLEAR(self->coroutine);
    return 0;
}

/* What the coroutine says of itself. */
static PyObject *
driven_asked(Driven *self, void *name)
{
    return self->coroutine != NULL ? PyObject_GetAttrString(self->coroutine, name) : Py_NewRef(Py_None);
}

static PyGetSetDef driven_asks[] = {
    {"cr_await", (getter)driven_asked, NULL, NULL, "cr_await"},
    {"cr_code", (getter)driven_asked, NULL, NULL, "cr_code"},
    {"cr_frame", (getter)driven_asked, NULL, NULL, "cr_frame"},
    {"cr_running", (getter)driven_asked, NULL, NULL, "cr_running"},
    {NULL},
};

static PyMethodDef driven_methods[] = {
    {"send", (PyCFunction)driven_sent, METH_O, NULL},
    {"throw", (PyCFunction)(void (*)(void))driven_throw, METH_FASTCALL, NULL},
    {"close", (PyCFunction)driven_close, METH_NOARGS, NULL},
    {NULL},
};

static PyAsyncMethods driven_async = {.am_await = PyObject_SelfIter, .am_send = (sendfunc)driven_send};

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
