/* The row and the record that are made of a recording, without making its exchange. */

#include "core.h"
#include "messagepack.c"

/* Of ``exchange.Exchange``. */
#define EXCHANGE_FIELDS 31

static PyObject *pack_recording;                        /* recording.Recording */
static PyObject *pack_host, *pack_facts;                /* running's, the dict of the module facts */
static PyObject *pack_thread_type, *pack_main_type;     /* of threading */
static PyObject *str_name, *str__name, *str_loop, *str_current, *str_finished;
static long pack_pid, pack_last_pid[2];
static PyObject *pack_last[2]; /* what rows shared, without request ids and with them */
static char pack_busy; /* Python code may run while a record is made, and other threads with it */

/* A thread's name. */
static PyObject *
pack_thread_name(PyObject *thread)
{
    if (thread == Py_None)
        return Py_NewRef(nothing);
    PyObject *type = (PyObject *)Py_TYPE(thread);
    if (type == pack_main_type || type == pack_thread_type) {
        PyObject *name = PyObject_GetAttr(thread, str__name);
        if (name != NULL)
            return name;
        PyErr_Clear();
    }
    return PyObject_GetAttr(thread, str_name);
}

/* What an exchange says that no field of the recording has. */
typedef struct {
    PyObject *server, *version, *thread, *loop, *facts; /* the first two are borrowed */
    int64_t duration, interface, middleware, body;
} Told;

static int
pack_told(const Fields *recording, Told *told)
{
    if (!PyTuple_CheckExact(recording->server) || PyTuple_GET_SIZE(recording->server) != 2)
        return -1;
    told->server = PyTuple_GET_ITEM(recording->server, 0);
    told->version = PyTuple_GET_ITEM(recording->server, 1);
    told->duration = recording->ended - recording->started;
    told->body = 0;
    if (recording->returned != Py_None) {
        told->body = PyLong_Check(recording->returned) ? PyLong_AsLongLong(recording->returned) : -1;
        if (told->body == -1)
            return -1;
        told->body = recording->ended - told->body;
    }
    int64_t view = recording->view_time;
    int64_t inside = recording->middleware_time > view ? recording->middleware_time : view;
    int64_t rest = told->duration - told->body - inside;
    told->interface = rest > 0 ? rest : 0;
    told->middleware = inside - view;
    told->facts = PyDict_GetItemWithError(pack_facts, str_current);
    if (told->facts == NULL)
        return -1;
    Py_INCREF(told->facts);
    told->thread = pack_thread_name(recording->thread);
    if (told->thread == NULL)
        return -1;
    if (recording->steps == Py_None)
        told->loop = Py_NewRef(Py_None);
    else {
        PyObject *duration = PyLong_FromLongLong(told->duration);
        if (duration == NULL)
            return -1;
        told->loop = PyObject_CallMethodOneArg(recording->steps, str_loop, duration);
        Py_DECREF(duration);
    }
    return told->loop == NULL ? -1 : 0;
}

/* ``value or []``, where ``empty`` is what an empty one is encoded as. */
static int
pack_or(PyObject *value, Py_ssize_t length, unsigned char empty)
{
    if (value != Py_None && length != 0)
        return pack_value(value, 0);
    if (pack_room(1) < 0)
        return -1;
    *pack_at++ = empty;
    return 0;
}

static int
pack_numbers(const int64_t *numbers, int count)
{
    if (pack_room((size_t)count * PACK_NUMBER) < 0)
        return -1;
    for (int i = 0; i < count; i++)
        pack_signed(numbers[i]);
    return 0;
}

/* The record, in the order of Exchange's fields. */
static int
pack_record(const Fields *r, const Told *told)
{
    PyObject *unseen = r->unseen, *threads = r->threads;
    if ((unseen != Py_None && !PyList_CheckExact(unseen)) || (threads != Py_None && !PyDict_CheckExact(threads)))
        return -1;
    PyObject *who[] = {r->interface, r->type, str_finished};
    PyObject *request[] = {r->method, r->path, r->query, r->status, r->client};
    PyObject *server[] = {told->server, told->version};
    PyObject *inside[] = {r->handover, r->match, r->headers, r->finished_trail, r->failure, r->scheduler, told->loop,
                          r->close};
    const int64_t when[] = {r->started_at, r->started, r->ended};
    const int64_t sizes[] = {r->bytes_in, r->bytes_out, r->chunks, r->received, r->sent, r->crossings, r->dropped};
    const int64_t split[] = {told->interface, told->middleware, r->view_time, told->body, 0};
    PyObject *last[] = {told->facts, Py_None, r->descriptor};
    return pack_array(EXCHANGE_FIELDS) < 0 || pack_number(r->id) < 0 || pack_array_of(who, 3, 0) < 0 ||
           pack_numbers(when, 3) < 0 || pack_array_of(request, 5, 0) < 0 || pack_array(5) < 0 ||
           pack_array_of(server, 2, 0) < 0 || pack_number(pack_pid) < 0 || pack_value(told->thread, 0) < 0 ||
           pack_value(pack_host, 0) < 0 || pack_array_of(inside, 8, 0) < 0 || pack_array(7) < 0 ||
           pack_numbers(sizes, 7) < 0 || pack_array(5) < 0 || pack_numbers(split, 5) < 0 ||
           pack_value(r->vantage, 0) < 0 ||
           pack_or(unseen, unseen == Py_None ? 0 : PyList_GET_SIZE(unseen), 0x90) < 0 ||
           pack_or(threads, threads == Py_None ? 0 : PyDict_GET_SIZE(threads), 0x80) < 0 ||
           pack_value(r->request_id, 0) < 0 || pack_or(Py_None, 0, 0x80) < 0 || pack_array_of(last, 3, 0) < 0 ? -1 : 0;
}

/* A field of a msgspec.Struct of ``exchange``, or None where there is none of them; a new reference, or NULL. */
static PyObject *
pack_field(PyObject *value, int field)
{
    for (int i = 0; value != Py_None && i < pack_known; i++) {
        const PackStruct *known = &pack_structs[i];
        if (known->type == Py_TYPE(value) && field < known->count)
            return Py_XNewRef(*(PyObject **)((char *)value + known->offsets[field]));
    }
    return value == Py_None ? Py_NewRef(value) : NULL;
}

/* Fills a new tuple with what is in ``values``, all of which it takes. */
static PyObject *
pack_tuple_of(PyObject **values, int count)
{
    PyObject *made = PyTuple_New(count);
    for (int i = 0; i < count; i++) {
        if (values[i] == NULL)
            Py_CLEAR(made);
        if (made == NULL)
            Py_XDECREF(values[i]);
        else
            PyTuple_SET_ITEM(made, i, values[i]);
    }
    return made;
}

/* What rows have in common, from sql.everyday, borrowed: mostly the same object as for the last recording. */
static PyObject *
pack_shared(const Fields *r, PyObject *server, int named)
{
    PyObject *last = pack_last[named];
    if (last != NULL && pack_last_pid[named] == pack_pid && PyTuple_GET_ITEM(last, 0) == r->interface &&
        PyTuple_GET_ITEM(last, 1) == r->type && PyTuple_GET_ITEM(last, 2) == server)
        return last;
    PyObject *values[] = {Py_NewRef(r->interface), Py_NewRef(r->type), Py_NewRef(server), PyLong_FromLong(pack_pid),
                          PyBool_FromLong(named)};
    PyObject *made = pack_tuple_of(values, 5);
    if (made != NULL) {
        pack_last_pid[named] = pack_pid;
        pack_last[named] = made;
        Py_XDECREF(last);
    }
    return made;
}

/* The row, as sql.pack makes it; ``shared`` is borrowed, or None. */
static PyObject *
pack_row(const Fields *r, const Told *told, PyObject **shared)
{
    int named = r->request_id != Py_None;
    if (r->failure == Py_None && r->received == 0 && r->sent == 0 && r->dropped == 0) {
        *shared = pack_shared(r, told->server, named);
        if (*shared == NULL)
            return NULL;
        PyObject *own[] = {
            PyLong_FromLongLong(r->id), PyLong_FromLongLong(r->started_at), PyLong_FromLongLong(told->duration),
            Py_NewRef(r->method), Py_NewRef(r->path), Py_NewRef(r->query), Py_NewRef(r->status), Py_NewRef(r->client),
            pack_field(r->match, 0), pack_field(r->match, 1), PyLong_FromLongLong(r->bytes_in),
            PyLong_FromLongLong(r->bytes_out), PyLong_FromLongLong(r->chunks), PyLong_FromLongLong(r->crossings),
            PyLong_FromLongLong(told->interface), PyLong_FromLongLong(told->middleware),
            PyLong_FromLongLong(r->view_time), PyLong_FromLongLong(told->body), named ? Py_NewRef(r->request_id) : NULL,
        };
        return pack_tuple_of(own, named ? 19 : 18);
    }
    *shared = Py_None;
    PyObject *values[] = {
        PyLong_FromLongLong(r->id), Py_NewRef(r->interface), Py_NewRef(r->type), Py_NewRef(str_finished),
        PyLong_FromLongLong(r->started_at), PyLong_FromLongLong(told->duration), Py_NewRef(r->method),
        Py_NewRef(r->path), Py_NewRef(r->query), Py_NewRef(r->status), Py_NewRef(r->client), Py_NewRef(told->server),
        PyLong_FromLong(pack_pid), pack_field(r->match, 0), pack_field(r->match, 1), pack_field(r->failure, 0),
        PyLong_FromLongLong(r->bytes_in), PyLong_FromLongLong(r->bytes_out), PyLong_FromLongLong(r->chunks),
        PyLong_FromLongLong(r->received), PyLong_FromLongLong(r->sent), PyLong_FromLongLong(r->crossings),
        PyLong_FromLongLong(r->dropped), PyLong_FromLongLong(told->interface), PyLong_FromLongLong(told->middleware),
        PyLong_FromLongLong(r->view_time), PyLong_FromLongLong(told->body), PyLong_FromLong(0),
        Py_NewRef(r->request_id),
    };
    return pack_tuple_of(values, Py_ARRAY_LENGTH(values));
}

/* pack(recording) -> (id, record, row, shared) as SQLiteStore.pack makes it; NotImplemented where that is to do it. */
static PyObject *
pack(PyObject *module, PyObject *recording)
{
    const Fields *r = (const Fields *)recording;
    if (pack_busy || (PyObject *)Py_TYPE(recording) != pack_recording || !r->done)
        Py_RETURN_NOTIMPLEMENTED;
    pack_busy = 1;
    pack_at = pack_start;
    Told told = {NULL};
    PyObject *record = NULL, *row = NULL, *made = NULL, *shared;
    /* A bytearray: see rows.insert. */
    if (pack_told(r, &told) == 0 && pack_record(r, &told) == 0)
        record = PyByteArray_FromStringAndSize((char *)pack_start, pack_at - pack_start);
    if (record != NULL)
        row = pack_row(r, &told, &shared);
    if (row != NULL)
        made = PyTuple_Pack(4, PyTuple_GET_ITEM(row, 0), record, row, shared);
    if (pack_end - pack_start > PACK_KEPT) {
        PyMem_Free(pack_start);
        pack_start = pack_at = pack_end = NULL;
    }
    pack_busy = 0;
    Py_XDECREF(record);
    Py_XDECREF(row);
    Py_XDECREF(told.facts);
    Py_XDECREF(told.thread);
    Py_XDECREF(told.loop);
    if (made == NULL) {
        PyErr_Clear();
        Py_RETURN_NOTIMPLEMENTED;
    }
    return made;
}
