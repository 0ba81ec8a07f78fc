/* RecordedWSGI and record(): the call of a WSGI application. A part of answer.c. */

typedef struct {
    PyObject_HEAD
    PyObject *application, *recorder, *vantage;
} RecordedWSGI;

static PyObject *
wrapper_call(PyObject *application, PyObject *environ, PyObject *start_response)
{
    PyObject *args[] = {NULL, environ, start_response};
    return PyObject_Vectorcall(application, args + 1, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
}

/* A recording that has begun, and the answer to write into it; NULL for an exception: ``begun`` may be one still. */
static Answer *
wrapper_begin(PyObject *recorder, PyObject *environ, PyObject *vantage, PyObject *start_response, Answer **begun)
{
    PyObject *args[] = {recorder, environ, vantage}, *begin = answer_global(answer_name.begin);
    PyObject *recording = begin == NULL ? NULL : PyObject_Vectorcall(begin, args, 3, NULL);
    if (recording == NULL)
        return NULL;
    Answer *answer = *begun = (Answer *)answer_made(&AnswerType, recording, start_response);
    PyObject *done = answer == NULL ? NULL : PyObject_CallMethodNoArgs(recording, answer_name.begun);
    Py_DECREF(recording);
    if (done == NULL)
        return NULL;
    Py_DECREF(done);
    return answer;
}

static PyObject *
wrapper_record(PyObject *application, PyObject *recorder, PyObject *vantage, PyObject *environ,
               PyObject *start_response)
{
    Fields *outer = core_recording();
    if (outer != NULL && !outer->done)
        return wrapper_call(application, environ, start_response);
    Answer *begun = NULL, *answer = wrapper_begin(recorder, environ, vantage, start_response, &begun);
    if (answer == NULL) {
        PyObject *unrecorded = answer_survived() ? wrapper_call(application, environ, start_response) : NULL;
        Py_XDECREF((PyObject *)begun);
        return unrecorded;
    }
    PyObject *token = answer_enter(answer);
    PyObject *bound = PyCFunction_New(&answer_start_method, (PyObject *)answer);
    PyObject *iterable = bound == NULL ? NULL : wrapper_call(application, environ, bound);
    Py_XDECREF(bound);
    if (iterable == NULL)
        answer_passing(answer, 1, 1);
    answer_leave(answer, token);
    PyObject *result = NULL, *file_wrapper = NULL;
    if (iterable != NULL) {
        if (PyDict_CheckExact(environ))
            file_wrapper = Py_XNewRef(PyDict_GetItemWithError(environ, answer_name.file_wrapper));
        else
            file_wrapper = PyObject_CallMethodOneArg(environ, answer_name.get, answer_name.file_wrapper);
        if (file_wrapper != NULL || !PyErr_Occurred()) {
            PyObject *args[] = {iterable, file_wrapper};
            result = answer_returned(answer, args, 2);
        }
    }
    Py_XDECREF(file_wrapper);
    Py_XDECREF(iterable);
    Py_DECREF((PyObject *)answer);
    return result;
}

/* record(application, recorder, vantage, environ, start_response) */
static PyObject *
core_record(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    if (count != 5) {
        PyErr_SetString(PyExc_TypeError, "record(application, recorder, vantage, environ, start_response)");
        return NULL;
    }
    return wrapper_record(args[0], args[1], args[2], args[3], args[4]);
}

/* is_recording(kind=None) */
static PyObject *
core_is_recording(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    if (count > 1) {
        PyErr_SetString(PyExc_TypeError, "is_recording(kind=None)");
        return NULL;
    }
    Fields *recording = core_recording();
    if (recording == NULL || recording->done)
        Py_RETURN_FALSE;
    if (count == 0 || args[0] == Py_None)
        Py_RETURN_TRUE;
    return PyObject_RichCompare(recording->type, args[0], Py_EQ);
}

static PyObject *
wrapped_call(RecordedWSGI *self, PyObject *args, PyObject *keywords)
{
    PyObject *environ, *start_response;
    static char *names[] = {"environ", "start_response", NULL};
    if (keywords == NULL && PyTuple_GET_SIZE(args) == 2) {
        environ = PyTuple_GET_ITEM(args, 0);
        start_response = PyTuple_GET_ITEM(args, 1);
    }
    else if (!PyArg_ParseTupleAndKeywords(args, keywords, "OO", names, &environ, &start_response))
        return NULL;
    return wrapper_record(self->application, self->recorder, self->vantage, environ, start_response);
}

static int
wrapped_init(RecordedWSGI *self, PyObject *args, PyObject *keywords)
{
    PyObject *application, *recorder, *vantage = NULL;
    static char *names[] = {"application", "recorder", "vantage", NULL};
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OO|U", names, &application, &recorder, &vantage))
        return -1;
    Py_XSETREF(self->application, Py_NewRef(application));
    Py_XSETREF(self->recorder, Py_NewRef(recorder));
    Py_XSETREF(self->vantage, vantage != NULL ? Py_NewRef(vantage) : PyUnicode_InternFromString("wrapper"));
    return self->vantage == NULL ? -1 : 0;
}

static int
wrapped_traverse(RecordedWSGI *self, visitproc visit, void *arg)
{
    Py_VISIT(self->application);
    Py_VISIT(self->recorder);
    return 0;
}

static void
wrapped_dealloc(RecordedWSGI *self)
{
    PyObject_GC_UnTrack(self);
    Py_XDECREF(self->application);
    Py_XDECREF(self->recorder);
    Py_XDECREF(self->vantage);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyObject *
wrapped_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    RecordedWSGI *self = (RecordedWSGI *)type->tp_alloc(type, 0);
    if (self != NULL) {
        self->application = Py_NewRef(Py_None);
        self->recorder = Py_NewRef(Py_None);
        self->vantage = Py_NewRef(Py_None);
    }
    return (PyObject *)self;
}

static PyMemberDef wrapped_members[] = {
    {"__wrapped__", T_OBJECT, offsetof(RecordedWSGI, application), READONLY, NULL},
    {NULL},
};

static PyTypeObject RecordedWSGIType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "django_gateway.native.core.RecordedWSGI",
    .tp_doc = "The application, recorded.",
    .tp_basicsize = sizeof(RecordedWSGI),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = wrapped_new,
    .tp_init = (initproc)wrapped_init,
    .tp_call = (ternaryfunc)wrapped_call,
    .tp_traverse = (traverseproc)wrapped_traverse,
    .tp_dealloc = (destructor)wrapped_dealloc,
    .tp_members = wrapped_members,
};

static int
wrapper_event(PyObject *codes, const char *name, struct AnswerEvent *event)
{
    PyObject *word = PyDict_GetItemString(codes, name);
    if (word == NULL) {
        PyErr_SetString(PyExc_KeyError, name);
        return -1;
    }
    Py_XSETREF(event->word, Py_NewRef(word));
    event->mark = PyLong_AsUnsignedLongLong(word);
    return PyErr_Occurred() ? -1 : 0;
}

/* connect_answer(globals of interfaces.wsgi, CODES, thread_clock, Recording, what is unseen of a file) */
static PyObject *
core_connect_answer(PyObject *module, PyObject *args)
{
    static const struct { const char *name; struct AnswerEvent *event; } events[] = {
        {"wsgi.start_response", &started_event}, {"wsgi.write", &write_event}, {"wsgi.body", &body_event},
        {"wsgi.next", &next_event}, {"wsgi.abandoned", &abandoned_event}, {"wsgi.close", &close_event},
    };
    PyObject *names, *codes, *clock, *recording, *unseen;
    if (!PyArg_ParseTuple(args, "O!O!OOU", &PyDict_Type, &names, &PyDict_Type, &codes, &clock, &recording, &unseen))
        return NULL;
    for (size_t i = 0; i < Py_ARRAY_LENGTH(events); i++)
        if (wrapper_event(codes, events[i].name, events[i].event) < 0)
            return NULL;
    PyObject *is_file = PyDict_GetItemWithError(names, answer_name.is_file);
    PyObject *note = PyObject_GetAttr(recording, answer_name.note);
    if (is_file == NULL || note == NULL) {
        Py_XDECREF(note);
        return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_NameError, "%U", answer_name.is_file);
    }
    Py_XSETREF(answer_globals, Py_NewRef(names));
    Py_XSETREF(answer_clock, Py_NewRef(clock));
    Py_XSETREF(answer_unseen, Py_NewRef(unseen));
    Py_XSETREF(answer_is_file, Py_NewRef(is_file));
    Py_XSETREF(answer_python_note, note);
    Py_RETURN_NONE;
}

#define ANSWER_METHODS \
    {"record", (PyCFunction)(void (*)(void))core_record, METH_FASTCALL, NULL}, \
    {"is_recording", (PyCFunction)(void (*)(void))core_is_recording, METH_FASTCALL, NULL}, \
    {"connect_answer", core_connect_answer, METH_VARARGS, NULL}, \
    {"plain_body", core_plain_body, METH_O, NULL},

static int
answer_setup(PyObject *module)
{
    static const CoreName names[] = {
        {&answer_name.begin, "begin"}, {&answer_name.begun, "begun"}, {&answer_name.start, "start"},
        {&answer_name.since, "since"}, {&answer_name.finish, "finish"}, {&answer_name.fail, "fail"},
        {&answer_name.note, "note"}, {&answer_name.add, "add"}, {&answer_name.room, "room"},
        {&answer_name.assured, "assured"}, {&answer_name.redactor, "redactor"}, {&answer_name.headers, "headers"},
        {&answer_name.table, "_headers"}, {&answer_name.told, "_told"},
        {&answer_name.returned_word, "_returned_word"}, {&answer_name.is_file, "_is_server_file"},
        {&answer_name.get, "get"}, {&answer_name.file_wrapper, "wsgi.file_wrapper"}, {&answer_name.length, "__len__"},
        {&answer_name.close, "close"},
        {&answer_name.iter, "__iter__"}, {&answer_name.container, "_container"},
    };
    if (core_names(names, Py_ARRAY_LENGTH(names)) < 0)
        return -1;
    PyTypeObject *const types[] = {&AnswerType, &SizedAnswerType, &ChunksType, &RecordedWSGIType};
    for (size_t i = 0; i < Py_ARRAY_LENGTH(types); i++)
        if (PyType_Ready(types[i]) < 0)
            return -1;
    if (PyModule_AddObjectRef(module, "Answer", (PyObject *)&AnswerType) < 0 ||
        PyModule_AddObjectRef(module, "SizedAnswer", (PyObject *)&SizedAnswerType) < 0)
        return -1;
    return PyModule_AddObjectRef(module, "RecordedWSGI", (PyObject *)&RecordedWSGIType);
}
