/* wsgi_handover.begin: what is not of everyday is left to Python, before anything was done. */

#include "core.h"
#include "familiar.c"

static PyObject *handover_names; /* wsgi_handover's globals: what it calls is looked up there, as it would do itself */

/* Names and keys, made once. */
static PyObject *key_script_name, *key_path_info, *key_method, *key_request_id, *key_port, *key_address, *key_length,
    *key_software, *key_socket;
static PyObject *word_begin, *word_recording, *word_handover, *word_server, *word_request_id, *word_descriptors,
    *word_of_environ, *word_fileno, *word_environs, *word_familiar, *word_entries, *word_redactor, *word_tables,
    *word_wsgi, *word_http, *word_environ;

static const struct {
    PyObject **made;
    const char *text;
} handover_words[] = {
    {&key_script_name, "SCRIPT_NAME"}, {&key_path_info, "PATH_INFO"}, {&key_method, "REQUEST_METHOD"},
    {&key_request_id, "HTTP_X_REQUEST_ID"}, {&key_port, "REMOTE_PORT"}, {&key_address, "REMOTE_ADDR"},
    {&key_length, "CONTENT_LENGTH"}, {&key_software, "SERVER_SOFTWARE"}, {&key_socket, "gunicorn.socket"},
    {&word_begin, "_begin"}, {&word_recording, "Recording"}, {&word_handover, "Handover"}, {&word_server, "_server"},
    {&word_request_id, "request_id"}, {&word_descriptors, "descriptors"}, {&word_of_environ, "of_environ"},
    {&word_fileno, "fileno"}, {&word_environs, "environs"}, {&word_familiar, "_familiar"},
    {&word_entries, "entries"}, {&word_redactor, "redactor"}, {&word_tables, "_tables"},
    {&word_wsgi, "wsgi"}, {&word_http, "http"}, {&word_environ, "environ"},
};

/* What begin looks for in an environ; NULL for what is not there. Held, because what begin calls may let another
   thread change the environ. */
typedef struct {
    PyObject *script_name, *path_info, *method, *query, *request_id, *port, *address, *length, *software;
} Handed;

/* Take it out. 1 where all of it is of everyday: exact texts in ASCII that nothing is cut off from. */
static int
handed_over(PyObject *environ, Handed *handed)
{
    PyObject *const keys[] = {key_script_name, key_path_info, key_method, name_query_string, key_request_id,
                              key_port, key_address, key_length, key_software};
    PyObject **found = &handed->script_name;
    Py_ssize_t length = 0;
    for (size_t i = 0; i < Py_ARRAY_LENGTH(keys); i++) {
        found[i] = PyDict_GetItemWithError(environ, keys[i]);
        if (found[i] == NULL) {
            if (PyErr_Occurred())
                return -1;
            continue;
        }
        Py_INCREF(found[i]);
        if (!everyday(found[i]))
            return 0;
        length += PyUnicode_GET_LENGTH(found[i]);
    }
    return length < LONGEST;
}

static PyObject *
handover_name(PyObject *word)
{
    PyObject *found = PyDict_GetItemWithError(handover_names, word);
    if (found == NULL && !PyErr_Occurred())
        PyErr_SetObject(PyExc_NameError, word);
    return found;
}

/* The two with ``between`` in the middle, which may be 0. */
static PyObject *
handover_joined(PyObject *one, char between, PyObject *other)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(one), rest = PyUnicode_GET_LENGTH(other);
    PyObject *made = PyUnicode_New(length + (between != 0) + rest, 127);
    if (made == NULL)
        return NULL;
    char *text = (char *)PyUnicode_1BYTE_DATA(made);
    memcpy(text, everyday_text(one), (size_t)length);
    if (between != 0)
        text[length++] = between;
    memcpy(text + length, everyday_text(other), (size_t)rest);
    return made;
}

static inline int
handover_has(PyObject *found)
{
    return found != NULL && PyUnicode_GET_LENGTH(found) > 0;
}

static PyObject *
handover_path(const Handed *handed)
{
    if (!handover_has(handed->script_name))
        return Py_NewRef(handed->path_info != NULL ? handed->path_info : nothing);
    if (!handover_has(handed->path_info))
        return Py_NewRef(handed->script_name);
    return handover_joined(handed->script_name, 0, handed->path_info);
}

static PyObject *
handover_client(const Handed *handed)
{
    if (handover_has(handed->port))
        return handover_joined(handed->address != NULL ? handed->address : nothing, ':', handed->port);
    return Py_NewRef(handover_has(handed->address) ? handed->address : Py_None);
}

static long long
handover_length(PyObject *told)
{
    long long size = 0;
    Py_ssize_t length = told != NULL ? PyUnicode_GET_LENGTH(told) : 0;
    if (length >= 19)
        return 0;
    for (Py_ssize_t i = 0; i < length; i++) {
        int digit = everyday_text(told)[i] - '0';
        if (digit < 0 || digit > 9)
            return 0;
        size = size * 10 + digit;
    }
    return size;
}

/* recorder.environs.entries(environ) */
static PyObject *
handover_entries(PyObject *recorder, PyObject *environ)
{
    PyObject *environs = PyObject_GetAttr(recorder, word_environs), *entries = NULL;
    if (environs == NULL)
        return NULL;
    PyObject *familiar = PyObject_GetAttr(environs, word_familiar);
    if (familiar == NULL)
        PyErr_Clear();
    else if (Py_IS_TYPE(familiar, &FamiliarType))
        entries = familiar_find((Familiar *)familiar, environ);
    if (entries == NULL && !PyErr_Occurred())
        entries = PyObject_CallMethodOneArg(environs, word_entries, environ);
    Py_XDECREF(familiar);
    Py_DECREF(environs);
    return entries;
}

/* recorder.redactor.query(query) */
static PyObject *
handover_query(PyObject *recorder, PyObject *query)
{
    PyObject *told = NULL, *redactor = PyObject_GetAttr(recorder, word_redactor);
    if (redactor == NULL)
        return NULL;
    PyObject *tables = PyObject_GetAttr(redactor, word_tables);
    if (tables == NULL)
        PyErr_Clear();
    if (tables != NULL && Py_IS_TYPE(tables, &TablesType))
        told = told_query((Tables *)tables, query);
    else
        told = PyObject_CallMethodOneArg(redactor, name_query, query);
    Py_XDECREF(tables);
    Py_DECREF(redactor);
    return told;
}

/* descriptors.of_environ(environ) */
static PyObject *
handover_descriptor(PyObject *environ)
{
    PyObject *descriptor, *socket = PyDict_GetItemWithError(environ, key_socket);
    if (socket == NULL || socket == Py_None) {
        PyObject *descriptors = handover_name(word_descriptors);
        return descriptors == NULL ? NULL : PyObject_CallMethodOneArg(descriptors, word_of_environ, environ);
    }
    Py_INCREF(socket);
    descriptor = PyObject_CallMethodNoArgs(socket, word_fileno);
    Py_DECREF(socket);
    if (descriptor == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_Exception))
            return NULL;
        PyErr_Clear();
        return Py_NewRef(Py_None);
    }
    int overflow = 0;
    if (PyLong_CheckExact(descriptor) && (PyLong_AsLongAndOverflow(descriptor, &overflow) >= 0 || overflow > 0))
        return descriptor;
    Py_DECREF(descriptor);
    return Py_NewRef(Py_None);
}

/* An instance as its class makes it, without the calls between where there is nothing to be called. */
static Fields *
handover_recording(PyObject *class, PyObject *recorder, PyObject *interface, PyObject *kind, PyObject *vantage,
                   PyObject *path)
{
    if (PyType_Check(class) && ((PyTypeObject *)class)->tp_init == (initproc)fields_init
        && ((PyTypeObject *)class)->tp_new == fields_new) {
        Fields *recording = (Fields *)fields_new((PyTypeObject *)class, NULL, NULL);
        if (recording != NULL && fields_begin(recording, recorder, interface, kind, vantage, path) < 0)
            Py_CLEAR(recording);
        return recording;
    }
    PyObject *arguments[] = {recorder, interface, kind, vantage, path};
    PyObject *recording = PyObject_Vectorcall(class, arguments, 5, NULL);
    if (recording != NULL && !PyObject_TypeCheck(recording, &FieldsType)) {
        PyErr_SetString(PyExc_TypeError, "no recording");
        Py_CLEAR(recording);
    }
    return (Fields *)recording;
}

/* Put what was made there; -1 where it could not be made. */
static inline int
handover_fill(PyObject **field, PyObject *made)
{
    if (made != NULL)
        core_set(field, made);
    return made != NULL ? 0 : -1;
}

static int
handover_fill_in(Fields *recording, PyObject *environ, const Handed *handed)
{
    PyObject *recorder = recording->recorder;
    PyObject *arguments[] = {word_environ, handover_entries(recorder, environ)};
    if (arguments[1] == NULL)
        return -1;
    PyObject *handover = handover_name(word_handover);
    if (handover != NULL)
        handover = PyObject_Vectorcall(handover, arguments, 2, NULL);
    Py_DECREF(arguments[1]);
    if (handover_fill(&recording->handover, handover) < 0)
        return -1;
    if (handed->method != NULL)
        core_set(&recording->method, Py_NewRef(handed->method));
    if (handover_has(handed->query) && handover_fill(&recording->query, handover_query(recorder, handed->query)) < 0)
        return -1;
    PyObject *call;
    if (handover_has(handed->request_id)
        && ((call = handover_name(word_request_id)) == NULL
            || handover_fill(&recording->request_id, PyObject_CallOneArg(call, handed->request_id)) < 0))
        return -1;
    if (handover_fill(&recording->client, handover_client(handed)) < 0)
        return -1;
    recording->bytes_in = handover_length(handed->length);
    if (handover_fill(&recording->descriptor, handover_descriptor(environ)) < 0)
        return -1;
    call = handover_name(word_server);
    return call == NULL ? -1
                        : handover_fill(&recording->server,
                               PyObject_CallOneArg(call, handed->software != NULL ? handed->software : Py_None));
}

/* wsgi_handover.begin(recorder, environ, vantage) */
static PyObject *
handover_begin(PyObject *recorder, PyObject *environ, PyObject *vantage)
{
    Handed handed = {NULL};
    PyObject *begun = NULL, **found = &handed.script_name;
    int known = PyDict_CheckExact(environ) ? handed_over(environ, &handed) : 0;
    if (known == 0) {
        PyObject *arguments[] = {recorder, environ, vantage};
        PyObject *call = handover_name(word_begin);
        begun = call == NULL ? NULL : PyObject_Vectorcall(call, arguments, 3, NULL);
    }
    else if (known > 0) {
        PyObject *path = handover_path(&handed);
        PyObject *class = handover_name(word_recording);
        Fields *recording = NULL;
        if (path != NULL && class != NULL)
            recording = handover_recording(class, recorder, word_wsgi, word_http, vantage, path);
        Py_XDECREF(path);
        if (recording != NULL && handover_fill_in(recording, environ, &handed) < 0)
            Py_CLEAR(recording);
        begun = (PyObject *)recording;
    }
    for (size_t i = 0; i < sizeof(Handed) / sizeof(PyObject *); i++)
        Py_XDECREF(found[i]);
    return begun;
}

static PyObject *
core_begin_wsgi(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    if (count != 3) {
        PyErr_SetString(PyExc_TypeError, "begin(recorder, environ, vantage)");
        return NULL;
    }
    return handover_begin(args[0], args[1], args[2]);
}

#include "begin_asgi.c"

/* hand_over(names): the globals of wsgi_handover. */
static PyObject *
core_hand_over(PyObject *module, PyObject *names)
{
    if (!PyDict_CheckExact(names)) {
        PyErr_SetString(PyExc_TypeError, "hand_over(globals())");
        return NULL;
    }
    Py_XSETREF(handover_names, Py_NewRef(names));
    Py_RETURN_NONE;
}

#define HANDOVER_METHODS \
    {"begin_wsgi", (PyCFunction)(void (*)(void))core_begin_wsgi, METH_FASTCALL, NULL}, \
    {"begin_asgi", (PyCFunction)(void (*)(void))core_begin_asgi, METH_FASTCALL, NULL}, \
    {"hand_over", core_hand_over, METH_O, NULL}, \
    {"hand_over_asgi", core_hand_over_asgi, METH_O, NULL},

static int
handover_setup(PyObject *module)
{
    for (size_t i = 0; i < Py_ARRAY_LENGTH(handover_words); i++)
        if ((*handover_words[i].made = PyUnicode_InternFromString(handover_words[i].text)) == NULL)
            return -1;
    return familiar_setup(module) < 0 ? -1 : begin_asgi_setup();
}
