/* asgi.begin, as handover.c has it for WSGI: what is not of everyday is left to Python, before anything was done. */

#include "core.h"

static PyObject *asgi_names; /* asgi's globals */

static PyObject *word_begin_asgi, *word_asgi, *word_scope, *word_steps, *word_running_server, *word_asyncio,
    *word_current_task, *word_lifespan, *word_of_send, *word_transport, *word_get_extra_info, *word_get_handle,
    *word_socket, *key_asgi_method;

static const CoreName asgi_words[] = {
    {&word_begin_asgi, "_begin"}, {&word_asgi, "asgi"}, {&word_scope, "scope"}, {&word_steps, "Steps"},
    {&word_running_server, "running_server"}, {&word_asyncio, "asyncio"}, {&word_current_task, "current_task"},
    {&word_lifespan, "lifespan"}, {&word_of_send, "_of_send"}, {&word_transport, "transport"},
    {&word_get_extra_info, "get_extra_info"}, {&word_get_handle, "getHandle"}, {&word_socket, "socket"},
    {&key_asgi_method, "method"},
};

/* What begin makes of a scope beside its entries; NULL for None. */
typedef struct {
    PyObject *path, *method, *query, *correlation, *client;
} Scope;

static inline int
bytes_text(PyObject *bytes, PyObject **text)
{
    if (!PyBytes_CheckExact(bytes) || PyBytes_GET_SIZE(bytes) >= LONGEST || !is_ascii(letters_of(bytes)))
        return 0;
    *text = PyUnicode_FromStringAndSize(PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes));
    return *text != NULL ? 1 : -1;
}

/* dict(headers).get(b"x-request-id"): the last one. */
static int
read_headers(PyObject *headers, PyObject **correlation)
{
    static const char name[] = "x-request-id";
    PyObject *found = NULL;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(headers); i++) {
        PyObject *pair = PyList_GET_ITEM(headers, i);
        if (!PyTuple_CheckExact(pair) || PyTuple_GET_SIZE(pair) != 2 || !PyBytes_CheckExact(PyTuple_GET_ITEM(pair, 0))
            || !PyBytes_CheckExact(PyTuple_GET_ITEM(pair, 1)))
            return 0;
        PyObject *key = PyTuple_GET_ITEM(pair, 0);
        if (PyBytes_GET_SIZE(key) == sizeof(name) - 1 && memcmp(PyBytes_AS_STRING(key), name, sizeof(name) - 1) == 0)
            found = PyTuple_GET_ITEM(pair, 1);
    }
    return found == NULL || PyBytes_GET_SIZE(found) == 0 ? 1 : bytes_text(found, correlation);
}

static int
read_client(PyObject *client, PyObject **told)
{
    if (!PyTuple_CheckExact(client) || PyTuple_GET_SIZE(client) != 2)
        return client == Py_None;
    PyObject *host = PyTuple_GET_ITEM(client, 0), *port = PyTuple_GET_ITEM(client, 1);
    if (!everyday(host) || PyUnicode_GET_LENGTH(host) > STEADY_TEXT)
        return 0;
    if (port == Py_None) {
        *told = PyUnicode_GET_LENGTH(host) > 0 ? Py_NewRef(host) : NULL;
        return 1;
    }
    int overflow;
    long number = PyLong_CheckExact(port) ? PyLong_AsLongAndOverflow(port, &overflow) : -1;
    if (number < 0 || number > 999999)
        return 0;
    char digits[8], *first = digits + sizeof(digits);
    do
        *--first = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    *--first = ':';
    Py_ssize_t length = PyUnicode_GET_LENGTH(host), rest = digits + sizeof(digits) - first;
    PyObject *made = PyUnicode_New(length + rest, 127);
    if (made == NULL)
        return -1;
    memcpy(PyUnicode_1BYTE_DATA(made), everyday_text(host), (size_t)length);
    memcpy(PyUnicode_1BYTE_DATA(made) + length, first, (size_t)rest);
    *told = made;
    return 1;
}

/* 1 where all of it is of everyday, 0 where it is not, -1 with an exception. */
static int
read_scope(PyObject *scope, Scope *read)
{
    int known;
    PyObject *found = PyDict_GetItemWithError(scope, name_path);
    if (found == NULL || !everyday(found) || PyUnicode_GET_LENGTH(found) > LONGEST)
        return PyErr_Occurred() ? -1 : 0;
    read->path = Py_NewRef(found);
    if ((found = PyDict_GetItemWithError(scope, key_asgi_method)) != NULL) {
        if (!everyday(found) || PyUnicode_GET_LENGTH(found) > LONGEST)
            return 0;
        read->method = Py_NewRef(found);
    }
    if ((found = PyDict_GetItemWithError(scope, name_query_bytes)) != NULL
        && (known = bytes_text(found, &read->query)) != 1)
        return known;
    if ((found = PyDict_GetItemWithError(scope, name_headers)) != NULL
        && (known = PyList_CheckExact(found) ? read_headers(found, &read->correlation) : 0) != 1)
        return known;
    if ((found = PyDict_GetItemWithError(scope, name_client)) != NULL
        && (known = read_client(found, &read->client)) != 1)
        return known;
    return PyErr_Occurred() ? -1 : 1;
}

static PyObject *
asgi_name(PyObject *word)
{
    PyObject *found = PyDict_GetItemWithError(asgi_names, word);
    if (found == NULL && !PyErr_Occurred())
        PyErr_SetObject(PyExc_NameError, word);
    return found;
}

static PyObject *
call_asgi_name(PyObject *word)
{
    PyObject *call = asgi_name(word);
    return call == NULL ? NULL : PyObject_CallNoArgs(call);
}

/* asyncio.current_task(), or None on another framework's loop. */
static PyObject *
current_task(void)
{
    PyObject *asyncio = asgi_name(word_asyncio);
    PyObject *task = asyncio == NULL ? NULL : PyObject_CallMethodNoArgs(asyncio, word_current_task);
    if (task == NULL && PyErr_ExceptionMatches(PyExc_RuntimeError)) {
        PyErr_Clear();
        return Py_NewRef(Py_None);
    }
    return task;
}

static PyObject *
scope_handover(PyObject *recorder, PyObject *scope)
{
    PyObject *handover, *arguments[] = {word_scope, handover_call(recorder, word_redactor, word_scope, scope)};
    if (arguments[1] == NULL)
        return NULL;
    if ((handover = asgi_name(word_handover)) != NULL)
        handover = PyObject_Vectorcall(handover, arguments, 2, NULL);
    Py_DECREF(arguments[1]);
    return handover;
}

static int
fill_from_scope(Fields *recording, PyObject *scope, const Scope *read)
{
    PyObject *recorder = recording->recorder, *call;
    if (handover_fill(&recording->handover, scope_handover(recorder, scope)) < 0
        || handover_fill(&recording->steps, call_asgi_name(word_steps)) < 0
        || handover_fill(&recording->task, current_task()) < 0
        || handover_fill(&recording->server, call_asgi_name(word_running_server)) < 0)
        return -1;
    if (read->method != NULL)
        core_set(&recording->method, Py_NewRef(read->method));
    if (read->query != NULL && PyUnicode_GET_LENGTH(read->query) > 0
        && handover_fill(&recording->query, handover_query(recorder, read->query)) < 0)
        return -1;
    if (read->correlation != NULL
        && ((call = asgi_name(word_request_id)) == NULL
            || handover_fill(&recording->request_id, PyObject_CallOneArg(call, read->correlation)) < 0))
        return -1;
    if (read->client != NULL)
        core_set(&recording->client, Py_NewRef(read->client));
    return 0;
}

/* asgi.begin(recorder, scope, kind, vantage) */
static PyObject *
core_begin_asgi(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    if (count != 4) {
        PyErr_SetString(PyExc_TypeError, "begin(recorder, scope, kind, vantage)");
        return NULL;
    }
    Scope read = {NULL};
    int known = 0;
    if (PyDict_CheckExact(args[1]) && args[2] != word_lifespan)
        known = read_scope(args[1], &read);
    PyObject *begun = NULL;
    if (known == 0 && !PyErr_Occurred()) {
        PyObject *call = asgi_name(word_begin_asgi);
        begun = call == NULL ? NULL : PyObject_Vectorcall(call, args, 4, NULL);
    }
    else if (known > 0) {
        PyObject *class = asgi_name(word_recording);
        Fields *recording = NULL;
        if (class != NULL)
            recording = handover_recording(class, args[0], word_asgi, args[2], args[3], read.path);
        if (recording != NULL && fill_from_scope(recording, args[1], &read) < 0)
            Py_CLEAR(recording);
        begun = (PyObject *)recording;
    }
    Py_XDECREF(read.path);
    Py_XDECREF(read.method);
    Py_XDECREF(read.query);
    Py_XDECREF(read.correlation);
    Py_XDECREF(read.client);
    return begun;
}

/* descriptors.of_send: of a method of what has asyncio's transport, as uvicorn's is; of another in Python. */
static PyObject *
core_of_send(PyObject *module, PyObject *send)
{
    PyObject *told = NULL, *transport = NULL, *socket = NULL, *number;
    if (!PyMethod_Check(send)) {
        PyObject *descriptors = PyImport_ImportModule("django_gateway.interfaces.descriptors");
        told = descriptors == NULL ? NULL : PyObject_CallMethodOneArg(descriptors, word_of_send, send);
        Py_XDECREF(descriptors);
        return told;
    }
    transport = PyObject_GetAttr(PyMethod_GET_SELF(send), word_transport);
    if (transport != NULL && transport != Py_None) {
        PyObject *ask = PyObject_GetAttr(transport, word_get_extra_info);
        if (ask != NULL && ask != Py_None)
            socket = PyObject_CallOneArg(ask, word_socket);
        else if (ask != NULL || PyErr_ExceptionMatches(PyExc_AttributeError)) {
            PyErr_Clear();
            socket = PyObject_CallMethodNoArgs(transport, word_get_handle);
        }
        Py_XDECREF(ask);
        if (socket != NULL && (number = PyObject_CallMethodNoArgs(socket, word_fileno)) != NULL)
            told = as_descriptor(number);
    }
    Py_XDECREF(transport);
    Py_XDECREF(socket);
    if (PyErr_Occurred()) {
        if (!PyErr_ExceptionMatches(PyExc_Exception))
            return NULL;
        PyErr_Clear();
    }
    return told != NULL ? told : Py_NewRef(Py_None);
}

/* hand_over_asgi(names): the globals of asgi. */
static PyObject *
core_hand_over_asgi(PyObject *module, PyObject *names)
{
    if (!PyDict_CheckExact(names)) {
        PyErr_SetString(PyExc_TypeError, "hand_over_asgi(globals())");
        return NULL;
    }
    Py_XSETREF(asgi_names, Py_NewRef(names));
    Py_RETURN_NONE;
}

static int
begin_asgi_setup(void)
{
    if (core_names(asgi_words, Py_ARRAY_LENGTH(asgi_words)) < 0)
        return -1;
    return 0;
}
