/* The wrapper around a WSGI application: interfaces/wsgi.py has it in Python, and says why it is so.

   What the application or the server raises passes through here without a frame of ours. */

#include "core.h"

/* Characters of a status: see legible.LONGEST. */
#define LONGEST 8192
/* Nanoseconds that a server takes until it asks for the next chunk, beyond which that is told. */
#define PAUSE 1000000

typedef struct {
    PyObject_HEAD
    PyObject *recording, *server, *iterable, *write, *clock; /* ``server`` is its start_response */
    Py_ssize_t assured; /* the length of a trail below which a chunk is noted here; -1 before the first one */
    char open;          /* whether the body was begun and has not come to its end */
} Answer;

/* What iter(answer) gives: nothing is asked of the application before the first next(). */
typedef struct {
    PyObject_HEAD
    Answer *answer; /* NULL when it is over */
    PyObject *iterator;
    int64_t taken;
    char plain; /* an iterator of the language, whose next() runs nothing of the application's */
} Chunks;

static PyTypeObject AnswerType, SizedAnswerType, ChunksType;

/* The names of wsgi.py, looked up in it each time as Python does; and what of Python's is done here while it is that. */
static PyObject *answer_names, *answer_clock, *answer_is_file, *answer_python_note;
static struct Event { PyObject *word; uint64_t mark; } event_started, event_write, event_body, event_next, event_abandoned,
    event_close;
/* What the type of the last iterable is called, and who said so. */
static PyObject *returned_type, *returned_by, *returned_word;
static uint64_t returned_mark;

static PyObject *name_begin, *name_begun, *name_start, *name_since, *name_finish, *name_fail, *name_note, *name_add, *name_room,
    *name_assured, *name_redactor, *name_headers, *name_table, *name_told, *name_returned_word, *name_is_file, *name_get,
    *name_file_wrapper, *name_length, *name_close, *answer_unseen;

/* An error of the recorder's own is counted; what is none (KeyboardInterrupt, a server's SystemExit) goes on: false. */
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
    PyObject *found = PyDict_GetItemWithError(answer_names, name);
    if (found == NULL && !PyErr_Occurred())
        PyErr_SetObject(PyExc_NameError, name);
    return found;
}

/* The end of a stretch in which ``current`` is the recording, whatever was raised in it. */
static void
answer_leave(PyObject *token)
{
    PyObject *type, *error, *trace;
    PyErr_Fetch(&type, &error, &trace);
    if (token != NULL && PyContextVar_Reset(core_current, token) < 0)
        core_fault();
    Py_XDECREF(token);
    PyErr_Restore(type, error, trace);
}

static PyObject *
answer_enter(Answer *self)
{
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
        PyObject *scheduler = PyObject_CallMethodOneArg(answer_clock, name_since, self->clock);
        if (scheduler != NULL)
            core_set(&recording->scheduler, scheduler);
        else if (!answer_survived())
            return -1;
    }
    PyObject *finished = PyObject_CallMethodNoArgs(self->recording, name_finish);
    if (finished == NULL && !answer_survived())
        return -1;
    Py_XDECREF(finished);
    return 0;
}

/* What is on its way out is kept as the exchange's failure, where ``failed``, and the exchange ends, where ``ends``. */
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
        kept = PyObject_CallMethodOneArg(self->recording, name_fail, error);
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

/* Below what length of its trail this file may add to it: 0 where Recording.note has to, as of what overrides it. */
static Py_ssize_t
answer_assured(Answer *self)
{
    if (self->assured >= 0)
        return self->assured;
    self->assured = 0;
    PyObject *note = PyObject_GetAttr((PyObject *)Py_TYPE(self->recording), name_note);
    if (note != NULL && note == answer_python_note) {
        PyObject *room = PyObject_GetAttr(((Fields *)self->recording)->recorder, name_room);
        PyObject *assured = room == NULL ? NULL : PyObject_GetAttr(room, name_assured);
        Py_ssize_t length = assured == NULL ? -1 : PyLong_AsSsize_t(assured);
        if (length > 0)
            self->assured = length;
        Py_XDECREF(assured);
        Py_XDECREF(room);
    }
    Py_XDECREF(note);
    PyErr_Clear();
    return self->assured;
}

/* A piece of the body goes to the server; -1 where what is raised is for the one outside. */
static int
answer_note(Answer *self, const struct Event *event, PyObject *piece)
{
    Fields *recording = (Fields *)self->recording;
    Py_ssize_t size = PyBytes_CheckExact(piece) ? PyBytes_GET_SIZE(piece) : PyObject_Size(piece);
    if (size < 0)
        return answer_survived() ? 0 : -1;
    recording->chunks++;
    recording->bytes_out += size;
    int64_t at = core_now();
    if (PyList_CheckExact(recording->trail) && PyList_GET_SIZE(recording->trail) < answer_assured(self)) {
        core_reach(recording, event->word, event->mark, at);
        core_append(recording, PyLong_FromSsize_t(size));
    }
    else {
        PyObject *told = Py_BuildValue("(OLn)", event->word, (long long)at, size);
        PyObject *noted = told == NULL ? NULL : PyObject_CallMethodOneArg(self->recording, name_note, told);
        Py_XDECREF(told);
        if (noted == NULL)
            return answer_survived() ? 0 : -1;
        Py_DECREF(noted);
    }
    uint64_t *slot = core_slot(recording);
    if (slot != NULL) {
        slot[BOX_PIECE] = (uint64_t)size;
        slot[BOX_CHUNKS] = (uint64_t)recording->chunks;
        slot[BOX_BYTES] = (uint64_t)recording->bytes_out;
    }
    return 0;
}

/* The entries of headers that are all known to the redactor; NULL, also without an exception, where they are not. */
static PyObject *
answer_known_headers(PyObject *table, PyObject *headers)
{
    Py_ssize_t count = PyList_GET_SIZE(headers);
    PyObject *entries = PyDict_CheckExact(table) ? PyList_New(count) : NULL;
    for (Py_ssize_t i = 0; entries != NULL && i < count; i++) {
        PyObject *pair = PyList_GET_ITEM(headers, i), *known = NULL;
        if (PyTuple_CheckExact(pair) && PyTuple_GET_SIZE(pair) == 2 && PyUnicode_CheckExact(PyTuple_GET_ITEM(pair, 0)) &&
            PyUnicode_CheckExact(PyTuple_GET_ITEM(pair, 1)))
            known = PyDict_GetItemWithError(table, pair);
        if (known == NULL)
            Py_CLEAR(entries);
        else
            PyList_SET_ITEM(entries, i, Py_NewRef(known));
    }
    return entries;
}

static PyObject *
answer_headers(Fields *recording, PyObject *headers)
{
    PyObject *entries = NULL, *redactor = PyObject_GetAttr(recording->recorder, name_redactor);
    if (redactor == NULL)
        return NULL;
    if (PyList_CheckExact(headers)) {
        PyObject *table = PyObject_GetAttr(redactor, name_table);
        if (table != NULL)
            entries = answer_known_headers(table, headers);
        Py_XDECREF(table);
    }
    if (entries == NULL) {
        PyErr_Clear();
        entries = PyObject_CallMethodOneArg(redactor, name_headers, headers);
    }
    Py_DECREF(redactor);
    return entries;
}

/* int(told[:3]) where that is a number, else -1. */
static int
answer_code(PyObject *told)
{
    int code = -1;
    for (Py_ssize_t i = 0; i < 3 && i < PyUnicode_GET_LENGTH(told); i++) {
        int digit = Py_UNICODE_TODECIMAL(PyUnicode_READ_CHAR(told, i));
        if (digit < 0)
            return -1;
        code = (code < 0 ? 0 : code * 10) + digit;
    }
    return code;
}

static int
answer_told(Fields *recording, PyObject *status, PyObject *headers, int again)
{
    PyObject *told;
    if (PyUnicode_CheckExact(status) && PyUnicode_IS_ASCII(status) && PyUnicode_GET_LENGTH(status) <= LONGEST)
        told = Py_NewRef(status);
    else {
        PyObject *tell = answer_global(name_told);
        told = tell == NULL ? NULL : PyObject_CallOneArg(tell, status);
        if (told == NULL)
            return -1;
    }
    core_reach(recording, event_started.word, event_started.mark, core_now());
    core_append(recording, Py_NewRef(told));
    core_append(recording, PyBool_FromLong(again));
    PyObject *entries = answer_headers(recording, headers);
    if (entries != NULL) {
        int code = PyUnicode_Check(told) ? answer_code(told) : -1;
        core_set(&recording->headers, entries);
        core_set(&recording->status, code < 0 ? NULL : PyLong_FromLong(code));
        uint64_t *slot = core_slot(recording);
        if (slot != NULL)
            slot[BOX_STATUS] = code < 0 ? 0 : (uint64_t)code;
    }
    Py_DECREF(told);
    return entries == NULL ? -1 : 0;
}

static PyObject *
answer_write(Answer *self, PyObject *data)
{
    return answer_note(self, &event_write, data) < 0 ? NULL : PyObject_CallOneArg(self->write, data);
}

static PyMethodDef answer_write_method = {"write", (PyCFunction)answer_write, METH_O, NULL};

static PyObject *
answer_start_response(Answer *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords)
{
    static const char *const names[] = {"status", "headers", "exc_info"};
    PyObject *given[3] = {NULL, NULL, NULL};
    Py_ssize_t named = keywords == NULL ? 0 : PyTuple_GET_SIZE(keywords);
    int fits = count + named <= 3;
    for (Py_ssize_t i = 0; fits && i < count; i++)
        given[i] = args[i];
    for (Py_ssize_t i = 0; fits && i < named; i++) {
        int at = 0;
        while (at < 3 && PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(keywords, i), names[at]) != 0)
            at++;
        fits = at < 3 && given[at] == NULL;
        if (fits)
            given[at] = args[count + i];
    }
    if (!fits || given[0] == NULL || given[1] == NULL) {
        PyErr_SetString(PyExc_TypeError, "start_response() takes status, headers and exc_info=None");
        return NULL;
    }
    int again = given[2] != NULL && given[2] != Py_None;
    Fields *recording = (Fields *)self->recording;
    PyObject *status = Py_NewRef(recording->status), *headers = Py_NewRef(recording->headers), *write = NULL;
    /* Servers may add to the very list they are given, so it is read before they have it. */
    if (answer_told(recording, given[0], given[1], again) == 0 || answer_survived())
        write = PyObject_Vectorcall(self->server, given, again ? 3 : 2, NULL);
    if (write == NULL) {
        /* Called twice, or too late: what the server has is what it was given first. */
        core_set(&recording->status, status);
        core_set(&recording->headers, headers);
        return NULL;
    }
    Py_DECREF(status);
    Py_DECREF(headers);
    core_set(&self->write, write);
    return PyCFunction_New(&answer_write_method, (PyObject *)self);
}

static PyMethodDef answer_start_method = {"start_response", (PyCFunction)(void (*)(void))answer_start_response,
                                          METH_FASTCALL | METH_KEYWORDS, NULL};

/* isinstance() as the Python function asks; 1, 0, or -1 for an exception. */
static int
answer_is_server_file(PyObject *iterable, PyObject *wrapper)
{
    PyObject *is_file = answer_global(name_is_file);
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
    PyObject *teller = answer_global(name_returned_word);
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
    core_reach(recording, returned_word, returned_mark, at);
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
        (type->tp_as_mapping != NULL && type->tp_as_mapping->mp_length != NULL) || PyObject_HasAttr(iterable, name_length))
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
    PyObject *kept = PyObject_CallMethodOneArg(self->recording, name_fail, error);
    if (kept == NULL && !answer_survived())
        return NULL;
    Py_XDECREF(kept);
    return answer_finish(self) < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *
answer_close(Answer *self, PyObject *none)
{
    Fields *recording = (Fields *)self->recording;
    PyObject *iterable = self->iterable, *close = NULL, *closed = NULL;
    int64_t at = core_now();
    if (self->open && !(PyUnicode_Check(recording->method) &&
                        PyUnicode_CompareWithASCIIString(recording->method, "HEAD") == 0)) { /* whose body is nobody's */
        core_append(recording, Py_NewRef(event_abandoned.word));
        core_append(recording, PyLong_FromLongLong(at));
    }
    core_reach(recording, event_close.word, event_close.mark, at);
    PyObject *token = answer_enter(self);
    if (!PyList_CheckExact(iterable) && !PyTuple_CheckExact(iterable)) {
        close = PyObject_GetAttr(iterable, name_close);
        if (close == NULL && PyErr_ExceptionMatches(PyExc_AttributeError))
            PyErr_Clear();
    }
    if (close != NULL && close != Py_None)
        closed = PyObject_CallNoArgs(close);
    Py_XDECREF(close);
    Py_XDECREF(closed);
    if (PyErr_Occurred())
        answer_passing(self, 1, 0);
    answer_leave(token);
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

/* The first next(): -1 for an exception. */
static int
chunks_begin(Chunks *self, Answer *answer)
{
    PyObject *token = answer_enter(answer);
    answer->open = 1;
    /* Django collects an async stream here, before the first chunk. */
    PyObject *iterator = self->iterator = PyObject_GetIter(answer->iterable);
    if (iterator == NULL) {
        answer->open = 0;
        answer_passing(answer, 1, 0);
    }
    else
        self->plain = Py_IS_TYPE(iterator, &PyListIter_Type) || Py_IS_TYPE(iterator, &PyTupleIter_Type);
    answer_leave(token);
    if (iterator == NULL && PyErr_ExceptionMatches(PyExc_StopIteration))
        PyErr_SetString(PyExc_RuntimeError, "generator raised StopIteration"); /* which must not look like an end */
    return iterator == NULL ? -1 : 0;
}

static PyObject *
chunks_ask(Chunks *self, Answer *answer)
{
    PyObject *chunk, *iterator = Py_NewRef(self->iterator);
    if (self->plain) {
        chunk = PyIter_Next(iterator);
        if (chunk == NULL && !PyErr_Occurred())
            answer->open = 0;
        Py_DECREF(iterator);
        return chunk;
    }
    PyObject *token = answer_enter(answer);
    int64_t asked = core_now();
    int paused = self->taken != 0 && asked - self->taken > PAUSE;
    chunk = PyIter_Next(iterator);
    if (chunk == NULL)
        answer->open = 0;
    if (chunk == NULL && PyErr_Occurred()) {
        /* The server closes what it iterated, so the exchange is finished there. */
        paused = 0;
        answer_passing(answer, 1, 0);
    }
    answer_leave(token);
    Py_DECREF(iterator);
    if (paused) {
        PyObject *told = Py_BuildValue("(OL)", event_next.word, (long long)asked);
        PyObject *added = told == NULL ? NULL : PyObject_CallMethodOneArg(answer->recording, name_add, told);
        Py_XDECREF(told);
        if (added == NULL && !answer_survived())
            Py_CLEAR(chunk);
        Py_XDECREF(added);
    }
    return chunk;
}

static PyObject *
chunks_next(Chunks *self)
{
    Answer *answer = self->answer;
    if (answer == NULL)
        return NULL;
    Py_INCREF(answer);
    PyObject *chunk = NULL;
    if (self->iterator != NULL || chunks_begin(self, answer) == 0)
        chunk = chunks_ask(self, answer);
    if (chunk != NULL && answer_note(answer, &event_body, chunk) < 0)
        Py_CLEAR(chunk);
    if (chunk == NULL) {
        PyObject *type, *error, *trace;
        PyErr_Fetch(&type, &error, &trace);
        Py_CLEAR(self->iterator);
        Py_CLEAR(self->answer);
        Py_DECREF(answer);
        PyErr_Restore(type, error, trace);
        return NULL;
    }
    if (!self->plain)
        self->taken = core_now();
    Py_DECREF(answer);
    return chunk;
}

static PyObject *
answer_iter(Answer *self)
{
    Chunks *chunks = PyObject_GC_New(Chunks, &ChunksType);
    if (chunks == NULL)
        return NULL;
    chunks->answer = (Answer *)Py_NewRef((PyObject *)self);
    chunks->iterator = NULL;
    chunks->taken = chunks->plain = 0;
    PyObject_GC_Track(chunks);
    return (PyObject *)chunks;
}

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
    self->clock = PyObject_CallMethodNoArgs(answer_clock, name_start);
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

static int
chunks_traverse(Chunks *self, visitproc visit, void *arg)
{
    Py_VISIT(self->answer);
    Py_VISIT(self->iterator);
    return 0;
}

static int
chunks_clear(Chunks *self)
{
    Py_CLEAR(self->answer);
    Py_CLEAR(self->iterator);
    return 0;
}

static void
chunks_dealloc(Chunks *self)
{
    PyObject_GC_UnTrack(self);
    chunks_clear(self);
    PyObject_GC_Del(self);
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

static PyTypeObject ChunksType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "django_gateway.native.core.Chunks",
    .tp_doc = "The chunks of an answer.",
    .tp_basicsize = sizeof(Chunks),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_iter = PyObject_SelfIter,
    .tp_iternext = (iternextfunc)chunks_next,
    .tp_traverse = (traverseproc)chunks_traverse,
    .tp_clear = (inquiry)chunks_clear,
    .tp_dealloc = (destructor)chunks_dealloc,
};

#include "wrapper.c"
