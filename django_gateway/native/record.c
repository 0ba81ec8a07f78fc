/* The record and the row that are made of a recording, without making its exchange: see stores.arrivals.pack. */

#include "core.h"
#include "messagepack.c"

/* Of ``exchange.Exchange``. */
#define EXCHANGE_FIELDS 31

static PyObject *pack_recording;                        /* recording.Recording */
static PyObject *pack_host, *pack_facts;                /* running's, the dict of the module facts */
static PyObject *pack_thread_type, *pack_main_type;     /* of threading */
static PyObject *str_name, *str__name, *str_loop, *str_current, *str_finished;
static long pack_pid;
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

/* What SQLite can keep of what is not known to be a number; all else is left to Python. */
static int
pack_cells(PyObject *const *values, int count)
{
    for (int i = 0; i < count; i++) {
        PyObject *value = values[i];
        if (PyLong_Check(value)) {
            int overflow;
            long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
            if (overflow || pack_number(number) < 0)
                return -1;
        } else if ((value != Py_None && !PyUnicode_Check(value)) || pack_value(value, 0) < 0)
            return -1;
    }
    return 0;
}

/* The first ``count`` fields of a msgspec.Struct of ``exchange``, or so many None where there is none of them. */
static int
pack_fields(PyObject *value, int count)
{
    for (int i = 0; value != Py_None && i < pack_known; i++) {
        const PackStruct *known = &pack_structs[i];
        if (known->type != Py_TYPE(value) || known->count < count)
            continue;
        for (int field = 0; field < count; field++) {
            PyObject *found = *(PyObject **)((char *)value + known->offsets[field]);
            if (found == NULL || pack_cells(&found, 1) < 0)
                return -1;
        }
        return 0;
    }
    PyObject *nothing_known[] = {Py_None, Py_None};
    return value == Py_None ? pack_cells(nothing_known, count) : -1;
}

/* The row, as sql.pack makes it. */
static int
pack_row(const Fields *r, const Told *told)
{
    int named = r->request_id != Py_None;
    PyObject *request[] = {r->method, r->path, r->query, r->status, r->client};
    const int64_t split[] = {told->interface, told->middleware, r->view_time, told->body, 0};
    if (r->failure == Py_None && r->received == 0 && r->sent == 0 && r->dropped == 0) {
        const int64_t before[] = {r->id, r->started_at, told->duration};
        const int64_t sizes[] = {r->bytes_in, r->bytes_out, r->chunks, r->crossings};
        PyObject *shared[] = {r->interface, r->type, told->server};
        return pack_array(18 + named) < 0 || pack_numbers(before, 3) < 0 || pack_cells(request, 5) < 0 ||
               pack_fields(r->match, 2) < 0 || pack_numbers(sizes, 4) < 0 || pack_numbers(split, 4) < 0 ||
               (named && pack_cells(&r->request_id, 1) < 0) || pack_array(5) < 0 || pack_cells(shared, 3) < 0 ||
               pack_number(pack_pid) < 0 || pack_value(named ? Py_True : Py_False, 0) < 0 ? -1 : 0;
    }
    PyObject *who[] = {r->interface, r->type, str_finished};
    const int64_t when[] = {r->started_at, told->duration};
    const int64_t sizes[] = {r->bytes_in, r->bytes_out, r->chunks, r->received, r->sent, r->crossings, r->dropped};
    return pack_array(29) < 0 || pack_number(r->id) < 0 || pack_cells(who, 3) < 0 || pack_numbers(when, 2) < 0 ||
           pack_cells(request, 5) < 0 || pack_cells(&told->server, 1) < 0 || pack_number(pack_pid) < 0 ||
           pack_fields(r->match, 2) < 0 || pack_fields(r->failure, 1) < 0 || pack_numbers(sizes, 7) < 0 ||
           pack_numbers(split, 5) < 0 || pack_cells(&r->request_id, 1) < 0 || pack_value(Py_None, 0) < 0 ? -1 : 0;
}

/* All of it: the id, the record as bytes, the row, and what the row shares with others. */
static int
pack_arrival(const Fields *r, const Told *told)
{
    if (pack_array(4) < 0 || pack_number(r->id) < 0 || pack_room(PACK_NUMBER) < 0)
        return -1;
    *pack_at++ = 0xC6;
    Py_ssize_t head = pack_at - pack_start;
    pack_at += 4;
    if (pack_record(r, told) < 0)
        return -1;
    Py_ssize_t length = pack_at - pack_start - head - 4;
    if (length > UINT32_MAX)
        return -1;
    uint32_t ordered = htobe32((uint32_t)length);
    memcpy(pack_start + head, &ordered, 4);
    return pack_row(r, told);
}

/* pack(recording) -> (id, bytes) as stores.arrivals.pack makes it; NotImplemented where that is to do it. */
static PyObject *
pack(PyObject *module, PyObject *recording)
{
    const Fields *r = (const Fields *)recording;
    if (pack_busy || (PyObject *)Py_TYPE(recording) != pack_recording || !r->done)
        Py_RETURN_NOTIMPLEMENTED;
    pack_busy = 1;
    pack_at = pack_start;
    Told told = {NULL};
    PyObject *number = NULL, *bytes = NULL, *made = NULL;
    if (pack_told(r, &told) == 0 && pack_arrival(r, &told) == 0) {
        number = PyLong_FromLongLong(r->id);
        bytes = PyBytes_FromStringAndSize((char *)pack_start, pack_at - pack_start);
    }
    if (number != NULL && bytes != NULL)
        made = PyTuple_Pack(2, number, bytes);
    if (pack_end - pack_start > PACK_KEPT) {
        PyMem_Free(pack_start);
        pack_start = pack_at = pack_end = NULL;
    }
    pack_busy = 0;
    Py_XDECREF(number);
    Py_XDECREF(bytes);
    Py_XDECREF(told.facts);
    Py_XDECREF(told.thread);
    Py_XDECREF(told.loop);
    if (made == NULL) {
        PyErr_Clear();
        Py_RETURN_NOTIMPLEMENTED;
    }
    return made;
}
