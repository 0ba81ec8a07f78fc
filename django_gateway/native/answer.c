/* The wrapper around a WSGI application: interfaces/wsgi.py has it in Python, and says why it is so.

   What the application or the server raises passes through here without a frame of ours. */

#include "core.h"

/* Characters of a status: see legible.LONGEST. */
#define STATUS_LONGEST 8192
/* Nanoseconds that a server takes until it asks for the next chunk, beyond which that is told. */
#define PAUSE 1000000

typedef struct {
    PyObject_HEAD
    PyObject *recording, *server, *iterable, *write, *clock; /* ``server`` is its start_response */
    Py_ssize_t assured; /* the length of a trail below which a chunk is noted here; -1 before the first one */
    char open;          /* whether the body was begun and has not come to its end */
} Answer;

static PyTypeObject AnswerType, SizedAnswerType;

/* The globals of wsgi.py, looked up each time as Python does; and what of Python's is done here while it is that. */
static PyObject *answer_globals, *answer_clock, *answer_is_file, *answer_python_note, *answer_unseen;
static struct AnswerEvent {
    PyObject *word;
    uint64_t mark;
} started_event, write_event, body_event, next_event, abandoned_event, close_event;
/* What the type of the last iterable is called, and who said so. */
static PyObject *returned_type, *returned_by, *returned_word;
static uint64_t returned_mark;

/* Names, interned. */
static struct {
    PyObject *begin, *begun, *start, *since, *finish, *fail, *note, *add, *room, *assured, *redactor, *headers, *table,
        *told, *returned_word, *is_file, *get, *file_wrapper, *length, *close, *iter, *container;
} answer_name;

#include "answer_passing.c"

#include "answer_told.c"

#include "answer_taken.c"

static PyObject *
answer_failed(Answer *self, PyObject *error)
{
    PyObject *kept = PyObject_CallMethodOneArg(self->recording, answer_name.fail, error);
    if (kept == NULL && !answer_survived())
        return NULL;
    Py_XDECREF(kept);
    return answer_finish(self) < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *
answer_close(Answer *self, PyObject *none)
{
    Fields *recording = (Fields *)self->recording;
    PyObject *iterable = self->iterable, *method = recording->method, *close = NULL, *closed = NULL;
    int64_t at = core_now();
    if (self->open && !(PyUnicode_Check(method) && PyUnicode_CompareWithASCIIString(method, "HEAD") == 0)) {
        /* The body of HEAD is nobody's. */
        core_append(recording, Py_NewRef(abandoned_event.word));
        core_append(recording, PyLong_FromLongLong(at));
    }
    core_reach(recording, close_event.word, close_event.mark, at);
    PyObject *token = answer_enter(self);
    if (!PyList_CheckExact(iterable) && !PyTuple_CheckExact(iterable)) {
        close = PyObject_GetAttr(iterable, answer_name.close);
        if (close == NULL && PyErr_ExceptionMatches(PyExc_AttributeError))
            PyErr_Clear();
    }
    if (close != NULL && close != Py_None)
        closed = PyObject_CallNoArgs(close);
    Py_XDECREF(close);
    Py_XDECREF(closed);
    if (PyErr_Occurred())
        answer_passing(self, 1, 0);
    answer_leave(self, token);
    answer_passing(self, 0, 1);
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

static void
answer_finalize(PyObject *self)
{
    PyObject *type, *error, *trace;
    /* PEP 3333 obliges servers to call close(); one that does not must not lose the exchange. */
    if (((Fields *)((Answer *)self)->recording)->done)
        return;
    PyErr_Fetch(&type, &error, &trace);
    if (answer_finish((Answer *)self) < 0)
        PyErr_WriteUnraisable(self);
    PyErr_Restore(type, error, trace);
}

#include "answer_body.c"

static Py_ssize_t
answer_length(Answer *self)
{
    return PyObject_Size(self->iterable);
}

static PyObject *
answer_made(PyTypeObject *type, PyObject *recording, PyObject *start_response)
{
    if (!PyObject_TypeCheck(recording, &FieldsType)) {
        PyErr_SetString(PyExc_TypeError, "an Answer takes a recording");
        return NULL;
    }
    Answer *self = (Answer *)type->tp_alloc(type, 0);
    if (self == NULL)
        return NULL;
    self->recording = Py_NewRef(recording);
    self->server = Py_NewRef(start_response);
    self->iterable = Py_NewRef(Py_None);
    self->write = Py_NewRef(Py_None);
    self->assured = -1;
    self->clock = PyObject_CallMethodNoArgs(answer_clock, answer_name.start);
    if (self->clock == NULL) {
        int survived = answer_survived();
        self->clock = Py_NewRef(Py_None);
        if (!survived)
            Py_CLEAR(self);
    }
    return (PyObject *)self;
}

static PyObject *
answer_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *recording, *start_response;
    static char *names[] = {"recording", "start_response", NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO", names, &recording, &start_response))
        return NULL;
    return answer_made(type, recording, start_response);
}

static int
answer_traverse(Answer *self, visitproc visit, void *arg)
{
    for (PyObject **field = &self->recording; field <= &self->clock; field++)
        Py_VISIT(*field);
    return 0;
}

static int
answer_clear(Answer *self)
{
    /* The recording clears itself, and is needed as long as this can be called. */
    for (PyObject **field = &self->server; field <= &self->clock; field++)
        core_set(field, NULL);
    return 0;
}

static void
answer_dealloc(Answer *self)
{
    if (PyObject_CallFinalizerFromDealloc((PyObject *)self) < 0)
        return;
    PyObject_GC_UnTrack(self);
    for (PyObject **field = &self->recording; field <= &self->clock; field++)
        Py_CLEAR(*field);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef answer_methods[] = {
    {"start_response", (PyCFunction)(void (*)(void))answer_start_response, METH_FASTCALL | METH_KEYWORDS, NULL},
    {"write", (PyCFunction)answer_write, METH_O, NULL},
    {"failed", (PyCFunction)answer_failed, METH_O, NULL},
    {"returned", (PyCFunction)(void (*)(void))answer_returned, METH_FASTCALL, NULL},
    {"close", (PyCFunction)answer_close, METH_NOARGS, NULL},
    {NULL},
};

static PyMemberDef answer_members[] = {{"_clock", T_OBJECT, offsetof(Answer, clock), 0, NULL}, {NULL}};

static PyTypeObject AnswerType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "django_gateway.native.core.Answer",
    .tp_doc = "What the application answers to one call.",
    .tp_basicsize = sizeof(Answer),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_new = answer_new,
    .tp_iter = (getiterfunc)answer_iter,
    .tp_traverse = (traverseproc)answer_traverse,
    .tp_clear = (inquiry)answer_clear,
    .tp_finalize = answer_finalize,
    .tp_dealloc = (destructor)answer_dealloc,
    .tp_methods = answer_methods,
    .tp_members = answer_members,
};

static PySequenceMethods answer_sized = {.sq_length = (lenfunc)answer_length};

static PyTypeObject SizedAnswerType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "django_gateway.native.core.SizedAnswer",
    .tp_doc = "An answer whose iterable has a length.",
    .tp_basicsize = sizeof(Answer),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = (traverseproc)answer_traverse,
    .tp_clear = (inquiry)answer_clear,
    .tp_base = &AnswerType,
    .tp_as_sequence = &answer_sized,
};

#include "wrapper.c"
