/* Spans: callables of Django's that are called through us, with an event before and one after.

   A layer of middleware, one of its hooks, a view, the sending of a signal. Where the context has no recording, ``plain``
   is called and nothing else happens. instrument/ has the same in Python, and says what each is for. */

#include "core.h"

typedef enum { LAYER, HOOK, VIEW, SIGNAL } Kind;

typedef struct {
    PyObject_HEAD
    vectorcallfunc vectorcall;
    PyObject *dict, *references;
    PyObject *target, *plain;
    PyObject *started, *finished, *failed;     /* words; ``failed`` of a view only */
    uint64_t began, ended, raised;             /* their numbers in the black box */
    PyObject *by;                              /* what headers come from that are set here; None for a signal */
    PyObject *on_error;                        /* of a layer: (request, error) -> response */
    PyObject *names, *word;                    /* headers that were added here last, and the word for them */
    Kind kind;
} Span;

static PyTypeObject SpanType;

static PyObject *str_headers, *str_store, *str_cookies, *str_status_code;
/* Of instrument.headers: passed(recording, response, by, at) and note(recording, by, at, added, (), ()) -> word. */
static PyObject *headers_passed_in_python, *headers_word;

static inline PyObject *
attribute(PyObject *object, PyObject *name)
{
    PyObject *found = PyObject_GetAttr(object, name);
    if (found == NULL)
        PyErr_Clear();
    return found;
}

#include "headers.c"

static void
layer_left(Span *self, Fields *recording, PyObject *response, int64_t entered)
{
    int64_t left = core_now();
    PyObject *status = attribute(response, str_status_code);
    core_append(recording, Py_NewRef(self->finished));
    core_append(recording, PyLong_FromLongLong(left));
    core_append(recording, status != NULL ? status : Py_NewRef(Py_None));
    core_mark(recording, self->ended, left);
    headers_passed(self, recording, response, left);
    /* Written by every layer: the outermost, which is the last, has the whole. */
    recording->middleware_time = left - entered;
}

/* What Django's convert_exception_to_response makes of the exception that is set, if it is one for it. */
static PyObject *
response_for_error(Span *self, PyObject *request)
{
    if (!PyErr_ExceptionMatches(PyExc_Exception))
        return NULL;
    PyObject *type, *error, *trace;
    PyErr_Fetch(&type, &error, &trace);
    PyErr_NormalizeException(&type, &error, &trace);
    if (trace != NULL)
        PyException_SetTraceback(error, trace);
    /* Django asks sys.exc_info(), as in an except clause. */
    PyObject *outer = PyErr_GetHandledException();
    PyErr_SetHandledException(error);
    PyObject *response = PyObject_CallFunctionObjArgs(self->on_error, request, error, NULL);
    PyErr_SetHandledException(outer);
    Py_XDECREF(outer);
    Py_XDECREF(type);
    Py_XDECREF(error);
    Py_XDECREF(trace);
    return response;
}

static void
view_raised(Span *self, Fields *recording, int64_t entered)
{
    PyObject *type, *error, *trace;
    PyErr_Fetch(&type, &error, &trace);
    int64_t failed = core_now();
    recording->view_time += failed - entered;
    PyObject *name = PyObject_GetAttrString(type, "__name__");
    core_append(recording, Py_NewRef(self->failed));
    core_append(recording, PyLong_FromLongLong(failed));
    core_append(recording, name);
    core_mark(recording, self->raised, failed);
    PyErr_Restore(type, error, trace);
}

static PyObject *
span_vectorcall(Span *self, PyObject *const *args, size_t count, PyObject *names)
{
    Fields *recording = core_recording();
    if (recording == NULL)
        return PyObject_Vectorcall(self->plain, args, count, names);
    Py_INCREF(recording);
    int64_t entered = core_now();
    core_reach(recording, self->started, self->began, entered);
    PyObject *answer = PyObject_Vectorcall(self->target, args, count, names);
    if (self->kind == LAYER) {
        if (answer == NULL && PyVectorcall_NARGS(count) > 0)
            answer = response_for_error(self, args[0]);
        if (answer != NULL)
            layer_left(self, recording, answer, entered);
    } else if (self->kind == VIEW) {
        if (answer == NULL) {
            view_raised(self, recording, entered);
        } else {
            int64_t left = core_now();
            recording->view_time += left - entered;
            core_reach(recording, self->finished, self->ended, left);
            headers_passed(self, recording, answer, left);
        }
    } else {
        PyObject *type = NULL, *error, *trace;
        if (answer == NULL)
            PyErr_Fetch(&type, &error, &trace);
        else if (self->kind == HOOK && answer != Py_None)
            headers_passed(self, recording, answer, core_now());
        core_reach(recording, self->finished, self->ended, core_now());
        if (answer == NULL)
            PyErr_Restore(type, error, trace);
    }
    Py_DECREF(recording);
    return answer;
}

/* left(recording, response, entered): the way out of a layer whose way in was told by another. */
static PyObject *
span_left(Span *self, PyObject *const *args, Py_ssize_t count)
{
    if (count != 3 || !PyObject_TypeCheck(args[0], &FieldsType)) {
        PyErr_SetString(PyExc_TypeError, "left(recording, response, entered)");
        return NULL;
    }
    int64_t entered = PyLong_AsLongLong(args[2]);
    if (entered == -1 && PyErr_Occurred())
        return NULL;
    layer_left(self, (Fields *)args[0], args[1], entered);
    Py_RETURN_NONE;
}

static PyObject *
span_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    int kind;
    unsigned long long began, ended, raised;
    PyObject *target, *plain, *started, *finished, *failed, *by, *on_error;
    static char *names[] = {"kind", "target", "plain", "started", "finished", "failed", "began", "ended", "raised",
                            "by", "on_error", NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "iOOOOOKKKOO", names, &kind, &target, &plain, &started, &finished,
                                     &failed, &began, &ended, &raised, &by, &on_error))
        return NULL;
    Span *self = (Span *)type->tp_alloc(type, 0);
    if (self == NULL)
        return NULL;
    self->vectorcall = (vectorcallfunc)span_vectorcall;
    self->kind = (Kind)kind;
    self->target = Py_NewRef(target);
    self->plain = Py_NewRef(plain);
    self->started = Py_NewRef(started);
    self->finished = Py_NewRef(finished);
    self->failed = Py_NewRef(failed);
    self->began = began;
    self->ended = ended;
    self->raised = raised;
    self->by = Py_NewRef(by);
    self->on_error = Py_NewRef(on_error);
    return (PyObject *)self;
}

static int
span_traverse(Span *self, visitproc visit, void *arg)
{
    Py_VISIT(self->dict);
    Py_VISIT(self->target);
    Py_VISIT(self->plain);
    Py_VISIT(self->on_error);
    return 0;
}

static int
span_clear(Span *self)
{
    Py_CLEAR(self->dict);
    core_set(&self->target, NULL);
    core_set(&self->plain, NULL);
    core_set(&self->on_error, NULL);
    return 0;
}

static void
span_dealloc(Span *self)
{
    PyObject_GC_UnTrack(self);
    if (self->references != NULL)
        PyObject_ClearWeakRefs((PyObject *)self);
    PyObject *held[] = {self->dict, self->target, self->plain, self->started, self->finished, self->failed,
                        self->by, self->on_error, self->names, self->word};
    for (size_t i = 0; i < Py_ARRAY_LENGTH(held); i++)
        Py_XDECREF(held[i]);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef span_methods[] = {
    {"left", (PyCFunction)(void (*)(void))span_left, METH_FASTCALL, NULL},
    {NULL},
};

static PyGetSetDef span_attributes[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
    {NULL},
};

static PyTypeObject SpanType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "django_gateway.native.core.Span",
    .tp_basicsize = sizeof(Span),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL,
    .tp_new = span_new,
    .tp_call = PyVectorcall_Call,
    .tp_vectorcall_offset = offsetof(Span, vectorcall),
    .tp_dictoffset = offsetof(Span, dict),
    .tp_weaklistoffset = offsetof(Span, references),
    .tp_traverse = (traverseproc)span_traverse,
    .tp_clear = (inquiry)span_clear,
    .tp_dealloc = (destructor)span_dealloc,
    .tp_methods = span_methods,
    .tp_getset = span_attributes,
};

/* headers(passed, word): what instrument.headers has for what is not told here. */
static PyObject *
spans_headers(PyObject *module, PyObject *args)
{
    PyObject *passed, *word;
    if (!PyArg_ParseTuple(args, "OO", &passed, &word))
        return NULL;
    Py_XSETREF(headers_passed_in_python, Py_NewRef(passed));
    Py_XSETREF(headers_word, Py_NewRef(word));
    Py_RETURN_NONE;
}

#define SPANS_METHODS {"headers", spans_headers, METH_VARARGS, NULL},

static int
spans_setup(PyObject *module)
{
    const CoreName names[] = {{&str_headers, "headers"}, {&str_store, "_store"}, {&str_cookies, "cookies"},
                              {&str_status_code, "status_code"}};
    if (core_names(names, Py_ARRAY_LENGTH(names)) < 0 || PyType_Ready(&SpanType) < 0)
        return -1;
    return PyModule_AddObjectRef(module, "Span", (PyObject *)&SpanType);
}
