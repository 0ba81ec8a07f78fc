/* sync_to_async's crossings: see instrument/crossings.py. One object is all of a crossing: what its caller awaits, and
   what is handed to the thread with the arguments. */

#include "core.h"

typedef struct {
    DRIVEN
    char over;         /* whether the caller has gone on */
    char sensitive;    /* whether the queue is that of thread-sensitive calls; ``queue`` is NULL then */
    Fields *recording;
    PyObject *function, *queue, *word, *thread;
    int64_t started, entered, left; /* 0 for not */
    Py_ssize_t ahead;
} Crossing;

static PyTypeObject CrossingType;

/* What Python told connect_crossings. */
static struct {
    PyObject *type;       /* asgiref's SyncToAsync */
    PyObject *shim;       /* one that is thread-sensitive, without a context, and whose function is core_run */
    PyObject *word;       /* _word(event, function) */
    PyObject *mark;       /* WORDS.mark */
    PyObject *copied;     /* _handed(crossing, self): a copy of ``self`` whose function is core_run with ``crossing`` */
    PyObject *pooled;     /* executors.Pooled */
    PyObject *name;       /* _name(): of the calling thread */
    PyObject *queued;     /* the number of crossing.queued */
} asgi_python;

static PyObject *asgi_func, *asgi_sensitive, *asgi_context, *asgi_executor, *asgi_room, *asgi_assured, *asgi_beyond,
    *asgi_begins, *asgi_ends, *asgi_gives_up, *asgi_wrapped, *asgi_to_thread, *asgi_ran_on;

#include "words.c"
#include "executors.c"

#include "crossing.c"

/* run(crossing, *args, **kwargs): in the thread. */
static PyObject *
core_run(PyObject *module, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    if (count < 1 || Py_TYPE(args[0]) != &CrossingType) {
        PyErr_SetString(PyExc_TypeError, "run(crossing, *args, **kwargs)");
        return NULL;
    }
    Crossing *self = (Crossing *)Py_NewRef(args[0]);
    PyObject *before = Py_NewRef(self->recording->away), *type = NULL, *error = NULL, *trace = NULL;
    crossing_arrives(self);
    PyObject *result = PyObject_Vectorcall(self->function, args + 1, (size_t)count - 1, names);
    if (result == NULL)
        PyErr_Fetch(&type, &error, &trace);
    core_set(&self->recording->away, before);
    crossing_leaves(self);
    Py_DECREF(self);
    if (result == NULL)
        PyErr_Restore(type, error, trace);
    return result;
}

/* original(first, [second,] *args, **kwargs) */
static PyObject *
crossing_call(PyObject *original, PyObject *first, PyObject *second, PyObject *args, PyObject *kwargs)
{
    PyObject *few[8], **all = few;
    Py_ssize_t count = PyTuple_GET_SIZE(args), before = second != NULL ? 2 : 1;
    if (count > (Py_ssize_t)Py_ARRAY_LENGTH(few) - 2 && (all = PyMem_New(PyObject *, (size_t)count + 2)) == NULL)
        return PyErr_NoMemory();
    all[0] = first;
    all[1] = second;
    for (Py_ssize_t i = 0; i < count; i++)
        all[i + before] = PyTuple_GET_ITEM(args, i);
    PyObject *named = PyDict_GET_SIZE(kwargs) ? kwargs : NULL;
    PyObject *result = PyObject_VectorcallDict(original, all, (size_t)(count + before), named);
    if (all != few)
        PyMem_Free(all);
    return result;
}

/* The function that ``sync_to_async`` holds. Into ``plain`` whether all that its __call__ reads of it is as usual. */
static PyObject *
crossing_function(PyObject *self, int *plain)
{
    *plain = 0;
    if ((PyObject *)Py_TYPE(self) != asgi_python.type)
        return PyObject_GetAttr(self, asgi_func);
    PyObject *attributes = PyObject_GenericGetDict(self, NULL);
    if (attributes == NULL)
        return NULL;
    PyObject *function = Py_XNewRef(PyDict_GetItemWithError(attributes, asgi_func));
    PyObject *context = PyDict_GetItemWithError(attributes, asgi_context); /* since asgiref 3.10 */
    *plain = PyDict_GetItemWithError(attributes, asgi_sensitive) == Py_True && (context == NULL || context == Py_None);
    Py_DECREF(attributes);
    return function != NULL || PyErr_Occurred() ? function : PyObject_GetAttr(self, asgi_func);
}

static void
crossing_queues(Crossing *self, PyObject *crossed)
{
    PyObject *sensitive = PyObject_GetAttr(crossed, asgi_sensitive), *executor;
    int truth = sensitive != NULL ? PyObject_IsTrue(sensitive) : -1;
    Py_XDECREF(sensitive);
    self->sensitive = truth > 0;
    if (truth == 0 && (executor = PyObject_GetAttr(crossed, asgi_executor)) != NULL) {
        self->queue = PyObject_CallOneArg(asgi_python.pooled, executor);
        Py_DECREF(executor);
    }
    if (PyErr_Occurred())
        core_fault();
}

/* cross(original, self, args, kwargs): what ``self(*args, **kwargs)`` awaits, where ``original`` is asgiref's own
   ``__call__``. */
static PyObject *
core_cross(PyObject *module, PyObject *const *argv, Py_ssize_t count)
{
    if (count != 4 || !PyTuple_CheckExact(argv[2]) || !PyDict_CheckExact(argv[3])) {
        PyErr_SetString(PyExc_TypeError, "cross(original, self, args, kwargs)");
        return NULL;
    }
    PyObject *original = argv[0], *crossed = argv[1];
    Fields *recording = core_recording();
    if (recording == NULL || recording->done)
        return crossing_call(original, crossed, NULL, argv[2], argv[3]);
    int plain;
    PyObject *function = crossing_function(crossed, &plain);
    if (function == NULL)
        return NULL;
    Crossing *self = PyObject_GC_New(Crossing, &CrossingType);
    if (self == NULL) {
        Py_DECREF(function);
        return NULL;
    }
    self->coroutine = self->queue = self->word = NULL;
    self->state = DRIVEN_FRESH;
    self->over = self->sensitive = 0;
    self->recording = (Fields *)Py_NewRef(recording);
    self->function = function;
    self->thread = Py_NewRef(Py_None);
    self->started = self->entered = self->left = self->ahead = 0;
    PyObject_GC_Track(self);
    PyObject *coroutine, *copy;
    if (plain) {
        self->sensitive = 1;
        crossing_sets_out(self);
        coroutine = crossing_call(original, asgi_python.shim, (PyObject *)self, argv[2], argv[3]);
    }
    else {
        crossing_queues(self, crossed);
        copy = PyObject_CallFunctionObjArgs(asgi_python.copied, self, crossed, NULL);
        if (copy == NULL) {
            Py_DECREF(self);
            return NULL;
        }
        crossing_sets_out(self);
        coroutine = crossing_call(original, copy, NULL, argv[2], argv[3]);
        Py_DECREF(copy);
    }
    if (coroutine != NULL && !PyCoro_CheckExact(coroutine)) {
        Py_SETREF(coroutine, NULL);
        PyErr_SetString(PyExc_TypeError, "cross: the original is no coroutine function");
    }
    if (coroutine == NULL) {
        driven_end((Driven *)self);
        Py_DECREF(self);
        return NULL;
    }
    self->coroutine = coroutine;
    return (PyObject *)self;
}

static int
crossing_traverse(Crossing *self, visitproc visit, void *arg)
{
    Py_VISIT(self->coroutine);
    Py_VISIT(self->recording);
    Py_VISIT(self->function);
    Py_VISIT(self->queue);
    Py_VISIT(self->word);
    Py_VISIT(self->thread);
    return 0;
}

static void
crossing_dealloc(Crossing *self)
{
    if (self->state == DRIVEN_SUSPENDED && PyObject_CallFinalizerFromDealloc((PyObject *)self) < 0)
        return;
    PyObject_GC_UnTrack(self);
    Py_CLEAR(self->coroutine);
    Py_CLEAR(self->recording);
    Py_CLEAR(self->function);
    Py_CLEAR(self->queue);
    Py_CLEAR(self->word);
    Py_CLEAR(self->thread);
    PyObject_GC_Del(self);
}

static PyTypeObject CrossingType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "django_gateway.native.core.Crossing",
    .tp_doc = "One crossing on its way.",
    .tp_basicsize = sizeof(Crossing),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = (traverseproc)crossing_traverse,
    .tp_clear = (inquiry)driven_clear,
    .tp_dealloc = (destructor)crossing_dealloc,
    .tp_finalize = (destructor)driven_finalize,
    .tp_as_async = &driven_async,
    .tp_iternext = (iternextfunc)driven_next,
    .tp_methods = driven_methods,
    .tp_getset = driven_asks,
};

/* connect_crossings(type, shim, word, mark, copied, pooled, name, queued) */
static PyObject *
core_connect_crossings(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    PyObject **each[] = {&asgi_python.type,   &asgi_python.shim,   &asgi_python.word, &asgi_python.mark,
                         &asgi_python.copied, &asgi_python.pooled, &asgi_python.name, &asgi_python.queued};
    if (count != Py_ARRAY_LENGTH(each)) {
        PyErr_SetString(PyExc_TypeError, "connect_crossings takes 8 arguments");
        return NULL;
    }
    for (Py_ssize_t i = 0; i < count; i++)
        Py_XSETREF(*each[i], Py_NewRef(args[i]));
    Py_RETURN_NONE;
}

#include "conversation.c"

#define CROSSINGS_METHODS \
    {"cross", (PyCFunction)(void (*)(void))core_cross, METH_FASTCALL, NULL}, \
    {"run", (PyCFunction)(void (*)(void))core_run, METH_FASTCALL | METH_KEYWORDS, NULL}, \
    {"connect_crossings", (PyCFunction)(void (*)(void))core_connect_crossings, METH_FASTCALL, NULL}, \
    {"connect_conversation", (PyCFunction)(void (*)(void))core_connect_conversation, METH_FASTCALL, NULL},

static int
crossings_setup(PyObject *module)
{
    static const CoreName interned[] = {
        {&asgi_func, "func"}, {&asgi_sensitive, "_thread_sensitive"}, {&asgi_context, "context"},
        {&asgi_executor, "_executor"}, {&asgi_room, "room"}, {&asgi_assured, "assured"}, {&asgi_beyond, "beyond"},
        {&asgi_begins, "begins"}, {&asgi_ends, "ends"}, {&asgi_gives_up, "gives_up"},
        {&asgi_wrapped, "__wrapped__"}, {&asgi_to_thread, "crossing.to_thread"}, {&asgi_ran_on, "crossing.ran_on"},
    };
    if (core_names(interned, Py_ARRAY_LENGTH(interned)) < 0)
        return -1;
    return PyType_Ready(&CrossingType) < 0 ? -1 : conversation_setup(module);
}
