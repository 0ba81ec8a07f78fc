/* wsgi_handover.begin: what is not of everyday is left to Python, before anything was done. */

#include "core.h"
#include "familiar.c"

static PyObject *handover_names; /* wsgi_handover's globals: what it calls is looked up there, as it would do itself */

/* Names, made once. */
static PyObject *word_begin, *word_recording, *word_handover, *word_server, *word_request_id, *word_descriptors,
    *word_of_environ, *word_fileno, *word_environs, *word_familiar, *word_entries, *word_redactor, *word_tables,
    *word_wsgi, *word_http, *word_environ;

static const CoreName handover_words[] = {
    {&word_begin, "_begin"}, {&word_recording, "Recording"}, {&word_handover, "Handover"}, {&word_server, "_server"},
    {&word_request_id, "request_id"}, {&word_descriptors, "descriptors"}, {&word_of_environ, "of_environ"},
    {&word_fileno, "fileno"}, {&word_environs, "environs"}, {&word_familiar, "_familiar"},
    {&word_entries, "entries"}, {&word_redactor, "redactor"}, {&word_tables, "_tables"},
    {&word_wsgi, "wsgi"}, {&word_http, "http"}, {&word_environ, "environ"},
};

/* What was found of it, held; NULL for what is not there. */
typedef PyObject *Handed[HANDED];

/* 1 where all of it is of everyday: exact texts in ASCII that nothing is cut off from. */
static int
handed_over(PyObject *environ, const Seen *seen, Handed handed)
{
    Py_ssize_t length = 0;
    for (int i = 0; i < HANDED; i++) {
        if (seen != NULL)
            handed[i] = seen->shape->handed[i] < 0 ? NULL : seen->values[seen->shape->handed[i]];
        else if ((handed[i] = PyDict_GetItemWithError(environ, handed_keys[i])) == NULL && PyErr_Occurred())
            return -1;
        if (handed[i] == NULL)
            continue;
        Py_INCREF(handed[i]);
        if (i == SOCKET)
            continue;
        if (!everyday(handed[i]))
            return 0;
        length += PyUnicode_GET_LENGTH(handed[i]);
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

#include "handover_parts.c"

/* An attribute of an attribute, and NULL without an exception where it is not of this type. */
static PyObject *
native_of(PyObject *recorder, PyObject *owner_name, PyObject *name, PyTypeObject *type)
{
    PyObject *owner = PyObject_GetAttr(recorder, owner_name);
    PyObject *found = owner == NULL ? NULL : PyObject_GetAttr(owner, name);
    Py_XDECREF(owner);
    if (found == NULL)
        PyErr_Clear();
    else if (!Py_IS_TYPE(found, type))
        Py_CLEAR(found);
    return found;
}

static PyObject *
handover_call(PyObject *recorder, PyObject *owner_name, PyObject *name, PyObject *argument)
{
    PyObject *owner = PyObject_GetAttr(recorder, owner_name);
    PyObject *made = owner == NULL ? NULL : PyObject_CallMethodOneArg(owner, name, argument);
    Py_XDECREF(owner);
    return made;
}

/* recorder.redactor.query(query) */
static PyObject *
handover_query(PyObject *recorder, PyObject *query)
{
    PyObject *tables = native_of(recorder, word_redactor, word_tables, &TablesType);
    if (tables == NULL)
        return handover_call(recorder, word_redactor, name_query, query);
    PyObject *told = told_query((Tables *)tables, query);
    Py_DECREF(tables);
    return told;
}

/* descriptors._number; ``told`` is stolen. */
static PyObject *
as_descriptor(PyObject *told)
{
    int overflow = 0;
    if (PyLong_CheckExact(told) && (PyLong_AsLongAndOverflow(told, &overflow) >= 0 || overflow > 0))
        return told;
    Py_DECREF(told);
    return Py_NewRef(Py_None);
}

/* descriptors.of_environ(environ) */
static PyObject *
handover_descriptor(PyObject *environ, PyObject *socket)
{
    if (socket == NULL || socket == Py_None) {
        PyObject *descriptors = handover_name(word_descriptors);
        return descriptors == NULL ? NULL : PyObject_CallMethodOneArg(descriptors, word_of_environ, environ);
    }
    PyObject *descriptor = PyObject_CallMethodNoArgs(socket, word_fileno);
    if (descriptor == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_Exception))
            return NULL;
        PyErr_Clear();
        return Py_NewRef(Py_None);
    }
    return as_descriptor(descriptor);
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

/* _server(software), whose answers never change: the last one is remembered. */
static PyObject *
handover_server(PyObject *software)
{
    static PyObject *last_call, *last_software, *last_server;
    PyObject *call = handover_name(word_server);
    if (call == NULL)
        return NULL;
    if (software == NULL)
        software = Py_None;
    if (call == last_call && software == last_software)
        return Py_NewRef(last_server);
    PyObject *server = PyObject_CallOneArg(call, software);
    if (server != NULL) {
        Py_XSETREF(last_call, Py_NewRef(call));
        Py_XSETREF(last_software, Py_NewRef(software));
        Py_XSETREF(last_server, Py_NewRef(server));
    }
    return server;
}

/* ``entries`` is stolen. */
static int
handover_fill_in(Fields *recording, PyObject *entries, PyObject *environ, Handed handed, Tables *tables)
{
    PyObject *recorder = recording->recorder, *call, *arguments[] = {word_environ, entries};
    PyObject *handover = entries == NULL ? NULL : handover_name(word_handover);
    if (handover != NULL)
        handover = PyObject_Vectorcall(handover, arguments, 2, NULL);
    Py_XDECREF(entries);
    if (handover_fill(&recording->handover, handover) < 0)
        return -1;
    if (handed[METHOD] != NULL)
        core_set(&recording->method, Py_NewRef(handed[METHOD]));
    if (handover_has(handed[QUERY])
        && handover_fill(&recording->query, tables != NULL ? told_query(tables, handed[QUERY])
                                                           : handover_query(recorder, handed[QUERY])) < 0)
        return -1;
    if (handover_has(handed[REQUEST_ID])
        && ((call = handover_name(word_request_id)) == NULL
            || handover_fill(&recording->request_id, PyObject_CallOneArg(call, handed[REQUEST_ID])) < 0))
        return -1;
    if (handover_fill(&recording->client, handover_client(handed)) < 0)
        return -1;
    recording->bytes_in = handover_length(handed[LENGTH]);
    if (handover_fill(&recording->descriptor, handover_descriptor(environ, handed[SOCKET])) < 0)
        return -1;
    return handover_fill(&recording->server, handover_server(handed[SOFTWARE]));
}

/* wsgi_handover.begin(recorder, environ, vantage) */
static PyObject *
handover_begin(PyObject *recorder, PyObject *environ, PyObject *vantage)
{
    Seen seen;
    Handed handed = {NULL};
    Fields *recording = NULL;
    PyObject *entries, *begun = NULL;
    int is_dict = PyDict_CheckExact(environ);
    Familiar *familiar = (Familiar *)native_of(recorder, word_environs, word_familiar, &FamiliarType);
    int known = is_dict && familiar != NULL && familiar_look(familiar, environ, &seen);
    int plain = is_dict ? handed_over(environ, known ? &seen : NULL, handed) : 0;
    if (plain > 0) {
        PyObject *class = handover_name(word_recording), *path = handover_path(handed);
        if (class != NULL && path != NULL)
            recording = handover_recording(class, recorder, word_wsgi, word_http, vantage, path);
        Py_XDECREF(path);
    }
    if (known)
        entries = familiar_tell(familiar, &seen, recording != NULL);
    else
        entries = recording == NULL ? NULL : handover_call(recorder, word_environs, word_entries, environ);
    if (recording != NULL) {
        if (handover_fill_in(recording, entries, environ, handed, known ? familiar->tables : NULL) < 0)
            Py_CLEAR(recording);
        begun = (PyObject *)recording;
    }
    else if (plain == 0) {
        PyObject *arguments[] = {recorder, environ, vantage};
        PyObject *call = handover_name(word_begin);
        begun = call == NULL ? NULL : PyObject_Vectorcall(call, arguments, 3, NULL);
    }
    for (int i = 0; i < HANDED; i++)
        Py_XDECREF(handed[i]);
    Py_XDECREF(familiar);
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
    {"of_send", core_of_send, METH_O, NULL}, \
    {"begin_asgi", (PyCFunction)(void (*)(void))core_begin_asgi, METH_FASTCALL, NULL}, \
    {"hand_over", core_hand_over, METH_O, NULL}, \
    {"hand_over_asgi", core_hand_over_asgi, METH_O, NULL},

static int
handover_setup(PyObject *module)
{
    if (core_names(handover_words, Py_ARRAY_LENGTH(handover_words)) < 0)
        return -1;
    return familiar_setup(module) < 0 ? -1 : begin_asgi_setup();
}
