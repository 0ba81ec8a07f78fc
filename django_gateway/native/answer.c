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

/* An error of the recorder's own is counted; what is none (KeyboardInterrupt, a server's SystemExit) goes on: 0. */
static int
answer_survived(void)
{
    PyObject *type, *error, *trace;
    if (!PyErr_ExceptionMatches(PyExc_Exception))
        return 0;
    PyErr_Fetch(&type, &error, &trace);
    PyErr_NormalizeException(&type, &error, &trace);
    if (trace != NULL)
        PyException_SetTraceback(error, trace);
    PyObject *noted = PyObject_CallOneArg(core_faults, error); /* raises it where tests are strict */
    Py_XDECREF(type);
    Py_XDECREF(error);
    Py_XDECREF(trace);
    Py_XDECREF(noted);
    return noted != NULL;
}

static PyObject *
answer_global(PyObject *name)
{
    PyObject *found = PyDict_GetItemWithError(answer_globals, name);
    if (found == NULL && !PyErr_Occurred())
        PyErr_SetObject(PyExc_NameError, name);
    return found;
}

/* The end of a stretch in which ``current`` is the recording, whatever was raised in it. */
static void
answer_leave(Answer *self, PyObject *token)
{
    PyObject *type, *error, *trace;
    PyErr_Fetch(&type, &error, &trace);
    ((Fields *)self->recording)->outside = 0;
    if (token != NULL && PyContextVar_Reset(core_current, token) < 0)
        core_fault();
    Py_XDECREF(token);
    PyErr_Restore(type, error, trace);
}

static PyObject *
answer_enter(Answer *self)
{
    PyFrameObject *outside = PyEval_GetFrame(); /* of the server; its id is all that is kept, while it runs */
    ((Fields *)self->recording)->outside = outside != NULL ? (long long)(uintptr_t)outside : 1;
    PyObject *token = PyContextVar_Set(core_current, self->recording);
    if (token == NULL)
        core_fault();
    return token;
}

/* The exchange's end; -1 where what is raised is for the one outside. */
static int
answer_finish(Answer *self)
{
    Fields *recording = (Fields *)self->recording;
    if (recording->done)
        return 0;
    if (self->clock != Py_None) {
        PyObject *scheduler = PyObject_CallMethodOneArg(answer_clock, answer_name.since, self->clock);
        if (scheduler != NULL)
            core_set(&recording->scheduler, scheduler);
        else if (!answer_survived())
            return -1;
    }
    PyObject *finished = PyObject_CallMethodNoArgs(self->recording, answer_name.finish);
    if (finished == NULL && !answer_survived())
        return -1;
    Py_XDECREF(finished);
    return 0;
}

/* What is on its way out is kept as the exchange's failure, if it ``failed``, and the exchange ends, if it ``ends``. */
static void
answer_passing(Answer *self, int failed, int ends)
{
    PyObject *type, *error, *trace, *kept;
    PyErr_Fetch(&type, &error, &trace);
    int passes = 1;
    if (failed && type != NULL) {
        PyErr_NormalizeException(&type, &error, &trace);
        if (trace != NULL)
            PyException_SetTraceback(error, trace);
        kept = PyObject_CallMethodOneArg(self->recording, answer_name.fail, error);
        passes = kept != NULL || answer_survived();
        Py_XDECREF(kept);
    }
    if (passes && ends)
        passes = answer_finish(self) == 0;
    if (passes)
        PyErr_Restore(type, error, trace);
    else {
        Py_XDECREF(type);
        Py_XDECREF(error);
        Py_XDECREF(trace);
    }
}

#include "answer_told.c"

/* isinstance() as the Python function asks; 1, 0, or -1 for an exception. */
static int
answer_is_server_file(PyObject *iterable, PyObject *wrapper)
{
    PyObject *is_file = answer_global(answer_name.is_file);
    if (is_file == NULL)
        return -1;
    if (is_file == answer_is_file && PyType_Check(wrapper))
        return PyObject_IsInstance(iterable, wrapper);
    PyObject *args[] = {iterable, wrapper};
    PyObject *answer = PyObject_Vectorcall(is_file, args, 2, NULL);
    int is = answer == NULL ? -1 : PyObject_IsTrue(answer);
    Py_XDECREF(answer);
    return is;
}

/* What ``returned_word`` is for this type. */
static int
answer_returned_word(PyTypeObject *type)
{
    PyObject *teller = answer_global(answer_name.returned_word);
    if (teller == NULL)
        return -1;
    if (teller == returned_by && (PyObject *)type == returned_type)
        return 0;
    PyObject *told = PyObject_CallOneArg(teller, (PyObject *)type), *word, *mark;
    if (told == NULL)
        return -1;
    int fits = PyArg_ParseTuple(told, "OO", &word, &mark);
    uint64_t number = fits ? PyLong_AsUnsignedLongLong(mark) : 0;
    if (!fits || PyErr_Occurred()) {
        Py_DECREF(told);
        return -1;
    }
    Py_XSETREF(returned_by, Py_NewRef(teller));
    Py_XSETREF(returned_type, Py_NewRef((PyObject *)type));
    Py_XSETREF(returned_word, Py_NewRef(word));
    returned_mark = number;
    Py_DECREF(told);
    return 0;
}

/* 1 where the server gets the iterable itself, 0 where it gets the answer, -1 for an exception. */
static int
answer_take(Answer *self, PyObject *iterable, PyObject *file_wrapper)
{
    Fields *recording = (Fields *)self->recording;
    core_set(&self->iterable, Py_NewRef(iterable));
    int64_t at = core_now();
    PyObject *instant = PyLong_FromLongLong(at);
    if (instant == NULL)
        return -1;
    core_set(&recording->returned, instant);
    if (answer_returned_word(Py_TYPE(iterable)) < 0)
        return -1;
    core_append(recording, Py_NewRef(returned_word));
    core_append(recording, Py_NewRef(instant));
    core_mark(recording, returned_mark, at);
    if (file_wrapper != NULL && file_wrapper != Py_None) {
        int is = answer_is_server_file(iterable, file_wrapper);
        if (is > 0) {
            PyObject *unseen = PyList_New(1);
            if (unseen == NULL)
                return -1;
            PyList_SET_ITEM(unseen, 0, Py_NewRef(answer_unseen));
            core_set(&recording->unseen, unseen);
        }
        if (is != 0)
            return is;
    }
    PyTypeObject *type = Py_TYPE(iterable);
    /* A length tells servers that the only block is the whole body: keep it exactly where it is. */
    if ((type->tp_as_sequence != NULL && type->tp_as_sequence->sq_length != NULL) ||
        (type->tp_as_mapping != NULL && type->tp_as_mapping->mp_length != NULL) ||
        PyObject_HasAttr(iterable, answer_name.length))
        Py_SET_TYPE(self, &SizedAnswerType);
    return 0;
}

/* What the server gets in the iterable's place. */
static PyObject *
answer_returned(Answer *self, PyObject *const *args, Py_ssize_t count)
{
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "returned() takes an iterable and a file_wrapper");
        return NULL;
    }
    int taken = answer_take(self, args[0], args[1]);
    if (taken == 0)
        return Py_NewRef((PyObject *)self);
    if (taken < 0 && !answer_survived())
        return NULL;
    return answer_finish(self) < 0 ? NULL : Py_NewRef(args[0]);
}

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
