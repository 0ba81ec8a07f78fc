/* ASGI's ``receive`` and ``send`` of one exchange: see interfaces/asgi.py. Here are the messages that every request of
   HTTP has; the rest, and whatever is not as usual, goes to the methods of the same name there. */

#include "core.h"

typedef struct {
    PyObject_HEAD
    Fields *recording;
    PyObject *receive, *send;
    char accepted;
} Conversation;

/* Numbers of the events, and the Python methods for other messages. */
static PyObject *asgi_code_request, *asgi_code_start, *asgi_code_body, *asgi_code_disconnect;
static PyObject *asgi_received_in_python, *asgi_sent_in_python;
static uint64_t asgi_mark_request, asgi_mark_start, asgi_mark_body, asgi_mark_disconnect;
static PyObject *asgi_type, *asgi_body, *asgi_more_body, *asgi_status, *asgi_headers, *asgi_redactor;

static int
message_is(PyObject *value, const char *text, Py_ssize_t length)
{
    return value != NULL && PyUnicode_CheckExact(value) && PyUnicode_GET_LENGTH(value) == length &&
           PyUnicode_IS_COMPACT_ASCII(value) && memcmp(PyUnicode_DATA(value), text, (size_t)length) == 0;
}

#define MESSAGE_IS(value, text) message_is(value, text, sizeof(text) - 1)

/* The number of bytes of a body, and whether more follow; 0 where the message is not as usual. */
static int
conversation_piece(PyObject *message, Py_ssize_t *size, PyObject **more)
{
    PyObject *body = PyDict_GetItemWithError(message, asgi_body);
    if (body == NULL || body == Py_None)
        *size = 0;
    else if (PyBytes_CheckExact(body))
        *size = PyBytes_GET_SIZE(body);
    else
        return 0;
    PyObject *follows = PyDict_GetItemWithError(message, asgi_more_body);
    *more = follows == NULL ? Py_False : follows;
    return PyBool_Check(*more);
}

static PyObject *
conversation_received(Conversation *self, PyObject *message)
{
    Fields *recording = self->recording;
    if (!PyDict_CheckExact(message) || recording == NULL)
        goto unusual;
    PyObject *kind = PyDict_GetItemWithError(message, asgi_type), *more;
    Py_ssize_t size;
    if (MESSAGE_IS(kind, "http.request") && conversation_piece(message, &size, &more)) {
        int64_t at = core_now();
        recording->bytes_in += size;
        if (crossing_has_room(recording)) {
            core_append(recording, Py_NewRef(asgi_code_request));
            core_append(recording, PyLong_FromLongLong(at));
            core_append(recording, PyLong_FromSsize_t(size));
            core_append(recording, Py_NewRef(more));
        }
        core_mark(recording, asgi_mark_request, at);
        Py_RETURN_NONE;
    }
    if (MESSAGE_IS(kind, "http.disconnect")) {
        int64_t at = core_now();
        if (crossing_has_room(recording)) {
            core_append(recording, Py_NewRef(asgi_code_disconnect));
            core_append(recording, PyLong_FromLongLong(at));
        }
        core_mark(recording, asgi_mark_disconnect, at);
        Py_RETURN_NONE;
    }
unusual:
    if (PyErr_Occurred())
        PyErr_Clear();
    return PyObject_CallFunctionObjArgs(asgi_received_in_python, self, message, NULL);
}

/* What the answer's start says. */
static void
conversation_starts(Conversation *self, PyObject *message, PyObject *status, PyObject *at, PyObject *returned)
{
    Fields *recording = self->recording;
    int64_t instant = PyLong_AsLongLong(at);
    if (!self->accepted) { /* a second one is refused, or goes nowhere */
        self->accepted = returned != Py_None;
        core_set(&recording->status, Py_NewRef(status));
        uint64_t *slot = core_slot(recording);
        if (slot != NULL)
            slot[BOX_STATUS] = PyLong_AsUnsignedLongLong(status);
        PyObject *given = PyDict_GetItemWithError(message, asgi_headers), *headers = NULL;
        PyObject *redactor = PyObject_GetAttr(recording->recorder, asgi_redactor), *none = NULL;
        if (given == NULL)
            given = none = PyTuple_New(0);
        if (redactor != NULL && given != NULL)
            headers = PyObject_CallMethodOneArg(redactor, asgi_headers, given);
        Py_XDECREF(redactor);
        Py_XDECREF(none);
        if (headers == NULL) {
            core_fault();
            return;
        }
        core_set(&recording->headers, headers);
        core_set(&recording->returned, Py_NewRef(at));
    }
    core_append(recording, Py_NewRef(asgi_code_start));
    core_append(recording, Py_NewRef(at));
    core_append(recording, Py_NewRef(status));
    core_append(recording, Py_NewRef(returned));
    core_mark(recording, asgi_mark_start, instant);
}

/* _sent(message, at, returned) */
static PyObject *
conversation_sent(Conversation *self, PyObject *const *args, Py_ssize_t count)
{
    if (count != 3) {
        PyErr_SetString(PyExc_TypeError, "_sent(message, at, returned)");
        return NULL;
    }
    PyObject *message = args[0], *at = args[1], *returned = args[2], *more;
    Fields *recording = self->recording;
    Py_ssize_t size;
    if (!PyDict_CheckExact(message) || recording == NULL || !PyLong_CheckExact(at))
        goto unusual;
    PyObject *kind = PyDict_GetItemWithError(message, asgi_type);
    if (MESSAGE_IS(kind, "http.response.body") && conversation_piece(message, &size, &more)) {
        recording->chunks++;
        recording->bytes_out += size;
        if (crossing_has_room(recording)) {
            core_append(recording, Py_NewRef(asgi_code_body));
            core_append(recording, Py_NewRef(at));
            core_append(recording, PyLong_FromSsize_t(size));
            core_append(recording, Py_NewRef(more));
            core_append(recording, Py_NewRef(returned));
        }
        core_mark(recording, asgi_mark_body, PyLong_AsLongLong(at));
        uint64_t *slot = core_slot(recording);
        if (slot != NULL) {
            slot[BOX_PIECE] = (uint64_t)size;
            slot[BOX_CHUNKS] = (uint64_t)recording->chunks;
            slot[BOX_BYTES] = (uint64_t)recording->bytes_out;
        }
        Py_RETURN_NONE;
    }
    if (MESSAGE_IS(kind, "http.response.start")) {
        PyObject *status = PyDict_GetItemWithError(message, asgi_status);
        int overflow;
        if (status != NULL && PyLong_CheckExact(status)) {
            long number = PyLong_AsLongAndOverflow(status, &overflow);
            PyObject *headers = PyDict_GetItemWithError(message, asgi_headers);
            if (!overflow && number > 0 && number < 1000 && (headers == NULL || PyList_CheckExact(headers))) {
                conversation_starts(self, message, status, at, returned);
                Py_RETURN_NONE;
            }
        }
    }
unusual:
    if (PyErr_Occurred())
        PyErr_Clear();
    return PyObject_CallFunctionObjArgs(asgi_sent_in_python, self, message, at, returned, NULL);
}

static int
conversation_init(Conversation *self, PyObject *args, PyObject *kwargs)
{
    PyObject *recording, *receive, *send;
    static char *names[] = {"recording", "receive", "send", NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!OO", names, &FieldsType, &recording, &receive, &send))
        return -1;
    Py_XSETREF(self->recording, (Fields *)Py_NewRef(recording));
    Py_XSETREF(self->receive, Py_NewRef(receive));
    Py_XSETREF(self->send, Py_NewRef(send));
    return 0;
}

static int
conversation_traverse(Conversation *self, visitproc visit, void *arg)
{
    Py_VISIT(self->recording);
    Py_VISIT(self->receive);
    Py_VISIT(self->send);
    return 0;
}

static int
conversation_clear(Conversation *self)
{
    Py_CLEAR(self->recording);
    Py_CLEAR(self->receive);
    Py_CLEAR(self->send);
    return 0;
}

static void
conversation_dealloc(Conversation *self)
{
    PyObject_GC_UnTrack(self);
    conversation_clear(self);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMemberDef conversation_members[] = {
    {"_recording", T_OBJECT, offsetof(Conversation, recording), READONLY, NULL},
    {"_receive", T_OBJECT, offsetof(Conversation, receive), 0, NULL},
    {"_send", T_OBJECT, offsetof(Conversation, send), 0, NULL},
    {"_accepted", T_BOOL, offsetof(Conversation, accepted), 0, NULL},
    {NULL},
};

static PyMethodDef conversation_methods[] = {
    {"_received", (PyCFunction)conversation_received, METH_O, NULL},
    {"_sent", (PyCFunction)(void (*)(void))conversation_sent, METH_FASTCALL, NULL},
    {NULL},
};

static PyTypeObject ConversationType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "django_gateway.native.core.Conversation",
    .tp_doc = "The messages of one exchange.",
    .tp_basicsize = sizeof(Conversation),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)conversation_init,
    .tp_traverse = (traverseproc)conversation_traverse,
    .tp_clear = (inquiry)conversation_clear,
    .tp_dealloc = (destructor)conversation_dealloc,
    .tp_members = conversation_members,
    .tp_methods = conversation_methods,
};

/* connect_conversation(request, disconnect, start, body, received, sent): numbers, and the methods in Python */
static PyObject *
core_connect_conversation(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    PyObject **each[] = {&asgi_code_request, &asgi_code_disconnect, &asgi_code_start, &asgi_code_body,
                         &asgi_received_in_python, &asgi_sent_in_python};
    uint64_t *marks[] = {&asgi_mark_request, &asgi_mark_disconnect, &asgi_mark_start, &asgi_mark_body};
    if (count != Py_ARRAY_LENGTH(each)) {
        PyErr_SetString(PyExc_TypeError, "connect_conversation takes 6 arguments");
        return NULL;
    }
    for (size_t i = 0; i < Py_ARRAY_LENGTH(each); i++) {
        Py_XSETREF(*each[i], Py_NewRef(args[i]));
        if (i < Py_ARRAY_LENGTH(marks))
            *marks[i] = PyLong_AsUnsignedLongLong(args[i]);
    }
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

static int
conversation_setup(PyObject *module)
{
    static const CoreName interned[] = {
        {&asgi_type, "type"}, {&asgi_body, "body"}, {&asgi_more_body, "more_body"}, {&asgi_status, "status"},
        {&asgi_headers, "headers"}, {&asgi_redactor, "redactor"},
    };
    if (core_names(interned, Py_ARRAY_LENGTH(interned)) < 0)
        return -1;
    if (PyType_Ready(&ConversationType) < 0)
        return -1;
    return PyModule_AddObjectRef(module, "Conversation", (PyObject *)&ConversationType);
}
