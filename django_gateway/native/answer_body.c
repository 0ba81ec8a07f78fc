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

/* HttpResponse.__iter__ as Django has it, and the type that was last found to have it. */
static PyObject *plain_iter;
static PyTypeObject *plain_type;
static unsigned int plain_version;

/* plain_body(HttpResponse.__iter__): it does nothing but to iterate ``_container``. */
static PyObject *
core_plain_body(PyObject *module, PyObject *iter)
{
    Py_XSETREF(plain_iter, Py_NewRef(iter));
    plain_type = NULL;
    Py_RETURN_NONE;
}

static int
chunks_has_plain_iter(PyTypeObject *type)
{
    if (plain_iter == NULL || type->tp_getattro != PyObject_GenericGetAttr)
        return 0;
    if (type == plain_type && type->tp_version_tag == plain_version)
        return 1;
    PyObject *iter = PyObject_GetAttr((PyObject *)type, answer_name.iter), *container = NULL;
    if (iter == plain_iter)
        container = PyObject_GetAttr((PyObject *)type, answer_name.container);
    int is = iter == plain_iter && container == NULL && type->tp_version_tag != 0;
    Py_XDECREF(iter);
    Py_XDECREF(container);
    PyErr_Clear();
    if (is) {
        plain_type = type;
        plain_version = type->tp_version_tag;
    }
    return is;
}

/* What iter() gives, where that runs nothing of the application's; NULL without an exception where it may. */
static PyObject *
chunks_plain(PyObject *iterable)
{
    if (PyList_CheckExact(iterable) || PyTuple_CheckExact(iterable))
        return PyObject_GetIter(iterable);
    if (!chunks_has_plain_iter(Py_TYPE(iterable)))
        return NULL;
    PyObject *iterator = NULL, *container = PyObject_GetAttr(iterable, answer_name.container);
    if (container != NULL && PyList_CheckExact(container))
        iterator = PyObject_GetIter(container);
    Py_XDECREF(container);
    PyErr_Clear();
    return iterator;
}

/* The first next(): -1 for an exception. */
static int
chunks_begin(Chunks *self, Answer *answer)
{
    answer->open = self->plain = 1;
    self->iterator = chunks_plain(answer->iterable);
    if (self->iterator != NULL)
        return 0;
    self->plain = 0;
    PyObject *token = answer_enter(answer);
    /* Django collects an async stream here, before the first chunk. */
    PyObject *iterator = self->iterator = PyObject_GetIter(answer->iterable);
    if (iterator == NULL) {
        answer->open = 0;
        answer_passing(answer, 1, 0);
    }
    else
        self->plain = Py_IS_TYPE(iterator, &PyListIter_Type) || Py_IS_TYPE(iterator, &PyTupleIter_Type);
    answer_leave(answer, token);
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
    answer_leave(answer, token);
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
