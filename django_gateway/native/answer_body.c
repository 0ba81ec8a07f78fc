/* The body as the server asks for it, chunk by chunk. A part of answer.c. */

/* What iter(answer) gives: nothing is asked of the application before the first next(). */
typedef struct {
    PyObject_HEAD
    Answer *answer; /* NULL when it is over */
    PyObject *iterator;
    int64_t taken;
    char plain; /* an iterator of the language, whose next() runs nothing of the application's */
} Chunks;

static PyTypeObject ChunksType;

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
        PyObject *told = Py_BuildValue("(OL)", next_event.word, (long long)asked);
        PyObject *added = told == NULL ? NULL : PyObject_CallMethodOneArg(answer->recording, answer_name.add, told);
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
    if (chunk != NULL && answer_note(answer, &body_event, chunk) < 0)
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
