/* A recording's beginning and end, and the row and the record that are made of it: recording.Recording.begun and
   finish, and what stores.sqlite.SQLiteStore.pack makes of its exchange(), without making the exchange. */

#include <unistd.h>
#include <pthread.h>
#include "core.h"
#include "messagepack.c"
#include "blackbox.c"

/* Of ``exchange.Exchange``. */
#define EXCHANGE_FIELDS 31

static PyObject *pack_recording;                        /* recording.Recording */
static PyObject *pack_host, *pack_nowhere, *pack_facts; /* running's, recording._NOWHERE, the dict of facts */
static PyObject *pack_threads, *pack_current_thread;    /* of threading: those that are alive, and the function */
static PyObject *pack_thread_type, *pack_main_type;
static Slots recorder_slots, writer_slots; /* recording.Recorder, stores.writer.Writer */
static PyObject *str_in_flight, *str_box, *str_watch, *str_submit, *str_last_words, *str_name, *str__name;
static PyObject *str_loop, *str_current, *str_enter, *str_leave, *str_finished;
static PyObject *str_awake, *str_direct, *str_queue, *str_append;
static PyObject *writer_submit_python, *writer_wake_python; /* of stores.writer.Writer */
static long long writer_sampled;
static Py_ssize_t writer_most;
static long pack_pid, pack_last_pid[2];
static PyObject *pack_last[2]; /* what rows shared, without request ids and with them */
static char pack_busy; /* Python code may run while a record is made, and other threads with it */

static void
pack_forked(void)
{
    pack_pid = (long)getpid();
    pack_busy = 0; /* whose record that was did not come along */
}

static PyObject *
recording_begun(PyObject *self, PyObject *none)
{
    Fields *recording = (Fields *)self;
    PyObject *recorder = recording->recorder, *returned = NULL;
    PyObject *home = PyLong_FromUnsignedLong(PyThread_get_thread_ident());
    if (home == NULL)
        return NULL;
    core_set(&recording->home, home);
    PyObject *in_flight = slots_get(&recorder_slots, recorder, 0, str_in_flight);
    PyObject *number = PyLong_FromLongLong(recording->id);
    int failed = in_flight == NULL || number == NULL || PyObject_SetItem(in_flight, number, self) < 0;
    Py_XDECREF(in_flight);
    Py_XDECREF(number);
    if (failed)
        return NULL;
    PyObject *box = slots_get(&recorder_slots, recorder, 1, str_box);
    if (box == NULL)
        return NULL;
    if (box != Py_None) {
        int done = Py_TYPE(box) == box_slots.type ? box_enter(box, recording) : 1;
        if (done > 0) {
            returned = PyObject_CallMethodOneArg(box, str_enter, self);
            done = returned == NULL ? -1 : 0;
            Py_CLEAR(returned);
        }
        failed = done < 0;
    }
    Py_DECREF(box);
    PyObject *watch = failed ? NULL : slots_get(&recorder_slots, recorder, 2, str_watch);
    if (watch == NULL)
        return NULL;
    if (watch == Py_None)
        return watch;
    returned = PyObject_CallNoArgs(watch);
    Py_DECREF(watch);
    if (returned == NULL)
        return NULL;
    Py_DECREF(returned);
    Py_RETURN_NONE;
}

/* threading.current_thread() */
static PyObject *
pack_thread(void)
{
    if (pack_threads != NULL && PyDict_CheckExact(pack_threads)) {
        PyObject *number = PyLong_FromUnsignedLong(PyThread_get_thread_ident());
        if (number == NULL)
            return NULL;
        PyObject *found = PyDict_GetItemWithError(pack_threads, number);
        Py_DECREF(number);
        if (found != NULL)
            return Py_NewRef(found);
        if (PyErr_Occurred())
            return NULL;
    }
    return PyObject_CallNoArgs(pack_current_thread);
}

/* What is to be done once; -1 for an error. */
static int
recording_end(Fields *recording, PyObject *recorder)
{
    recording->done = 1;
    recording->ended = core_now();
    PyObject *box = slots_get(&recorder_slots, recorder, 1, str_box);
    if (box == NULL)
        return -1;
    int failed = 0;
    if (Py_TYPE(box) == box_slots.type)
        failed = box_leave(box, recording) < 0;
    else if (box != Py_None) {
        PyObject *left = PyObject_CallMethodOneArg(box, str_leave, (PyObject *)recording);
        failed = left == NULL;
        Py_XDECREF(left);
    }
    Py_DECREF(box);
    PyObject *thread = failed ? NULL : pack_thread();
    if (thread == NULL)
        return -1;
    core_set(&recording->thread, thread);
    /* Whoever still holds the recording (a task that outlives its request) writes into nowhere. */
    PyObject *trail = recording->trail;
    recording->trail = Py_NewRef(pack_nowhere);
    core_set(&recording->finished_trail, trail);
    Py_DECREF(fields_let_go(recording, NULL));
    PyObject *in_flight = slots_get(&recorder_slots, recorder, 0, str_in_flight);
    PyObject *number = PyLong_FromLongLong(recording->id);
    failed = in_flight == NULL || number == NULL;
    if (!failed && PyObject_DelItem(in_flight, number) < 0) {
        failed = !PyErr_ExceptionMatches(PyExc_KeyError);
        if (!failed)
            PyErr_Clear();
    }
    Py_XDECREF(in_flight);
    Py_XDECREF(number);
    return failed ? -1 : 0;
}

static PyObject *
recording_finish(PyObject *self, PyObject *none)
{
    Fields *recording = (Fields *)self;
    if (recording->done)
        Py_RETURN_NONE;
    PyObject *returned, *recorder = recording->recorder;
    if (recording->at_end != Py_None) {
        returned = PyObject_CallMethodOneArg(self, str_last_words, recording->at_end);
        if (returned == NULL)
            return NULL;
        Py_DECREF(returned);
    }
    if (recording_end(recording, recorder) < 0)
        return NULL;
    if (recording->discard)
        Py_RETURN_NONE;
    PyObject *submit = slots_get(&recorder_slots, recorder, 3, str_submit);
    if (submit == NULL)
        return NULL;
    returned = PyObject_CallOneArg(submit, self);
    Py_DECREF(submit);
    if (returned == NULL)
        return NULL;
    Py_DECREF(returned);
    Py_RETURN_NONE;
}

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

/* Writer.wake() */
static PyObject *
writer_wake(PyObject *writer, PyObject *none)
{
    PyObject *awake = slots_get(&writer_slots, writer, 0, str_awake);
    if (awake == NULL)
        return NULL;
    Py_DECREF(awake);
    if (awake == Py_True)
        Py_RETURN_NONE;
    return PyObject_CallOneArg(writer_wake_python, writer);
}

/* Writer.submit(recording) where there is room and a row is made; all else, and packing that is timed, in Python. */
static PyObject *
writer_submit(PyObject *writer, PyObject *recording)
{
    PyObject *queue = NULL, *packed = NULL, *put = NULL, *direct = slots_get(&writer_slots, writer, 1, str_direct);
    if (direct == NULL)
        return NULL;
    Py_DECREF(direct);
    if (direct == Py_None || (PyObject *)Py_TYPE(recording) != pack_recording ||
        !(((Fields *)recording)->id & writer_sampled) || (queue = slots_get(&writer_slots, writer, 2, str_queue)) == NULL ||
        PyObject_Size(queue) >= writer_most || (packed = pack(NULL, recording)) == Py_NotImplemented) {
        Py_XDECREF(queue);
        Py_XDECREF(packed);
        return PyErr_Occurred() ? NULL : PyObject_CallFunctionObjArgs(writer_submit_python, writer, recording, NULL);
    }
    put = PyObject_CallMethodOneArg(queue, str_append, packed);
    Py_DECREF(queue);
    Py_DECREF(packed);
    if (put == NULL)
        return NULL;
    Py_DECREF(put);
    return writer_wake(writer, NULL);
}

/* connect_writer(Writer, submit, wake, sampled, most): what Python has for them, and the writer's numbers. */
static PyObject *
writer_connect(PyObject *module, PyObject *args)
{
    PyObject *type, *submit, *wake, *names[] = {str_awake, str_direct, str_queue};
    if (!PyArg_ParseTuple(args, "O!OOLn", &PyType_Type, &type, &submit, &wake, &writer_sampled, &writer_most) ||
        slots_learn(&writer_slots, type, names, 3) < 0)
        return NULL;
    Py_XSETREF(writer_submit_python, Py_NewRef(submit));
    Py_XSETREF(writer_wake_python, Py_NewRef(wake));
    Py_RETURN_NONE;
}

/* connect_packing(Recorder, Recording, encode, structs, host, nowhere, facts): ``structs`` has Match and Failure in it. */
static PyObject *
packing_connect(PyObject *module, PyObject *args)
{
    PyObject *recorder, *recording, *encode, *structs, *host, *nowhere, *facts;
    PyObject *names[] = {str_in_flight, str_box, str_watch, str_submit};
    if (!PyArg_ParseTuple(args, "O!O!OO!OOO!", &PyType_Type, &recorder, &PyType_Type, &recording, &encode,
                          &PyTuple_Type, &structs, &host, &nowhere, &PyDict_Type, &facts) ||
        slots_learn(&recorder_slots, recorder, names, 4) < 0)
        return NULL;
    for (Py_ssize_t i = pack_known = 0; i < PyTuple_GET_SIZE(structs); i++)
        if (pack_learn(PyTuple_GET_ITEM(structs, i)) < 0)
            return NULL;
    Py_XSETREF(pack_recording, Py_NewRef(recording));
    Py_XSETREF(pack_encode, Py_NewRef(encode));
    Py_XSETREF(pack_host, Py_NewRef(host));
    Py_XSETREF(pack_nowhere, Py_NewRef(nowhere));
    Py_XSETREF(pack_facts, Py_NewRef(facts));
    Py_RETURN_NONE;
}

static PyMethodDef writer_methods[] = {
    {"submit", writer_submit, METH_O, "Take a finished recording."},
    {"wake", writer_wake, METH_NOARGS, "Something has begun or waits to be written."},
};

static PyMethodDef packing_methods[] = {
    {"begun", recording_begun, METH_NOARGS, "From now on it is seen in flight."},
    {"finish", recording_finish, METH_NOARGS, "End the exchange and hand it over; once, whatever calls."},
};

#define PACKING_METHODS \
    BOX_METHODS \
    {"pack", pack, METH_O, NULL}, \
    {"connect_writer", writer_connect, METH_VARARGS, NULL}, \
    {"connect_packing", packing_connect, METH_VARARGS, NULL},

/* What Python puts into its classes as methods. */
static int
packing_add(PyObject *module, PyTypeObject *type, PyMethodDef *methods, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        PyObject *method = PyDescr_NewMethod(type, &methods[i]);
        int failed = method == NULL || PyModule_AddObjectRef(module, methods[i].ml_name, method) < 0;
        Py_XDECREF(method);
        if (failed)
            return -1;
    }
    return 0;
}

static int
packing_setup(PyObject *module)
{
    static const struct {PyObject **into; const char *text;} names[] = {
        {&str_in_flight, "in_flight"}, {&str_box, "box"}, {&str_watch, "watch"}, {&str_submit, "submit"},
        {&str_last_words, "_last_words"}, {&str_name, "name"}, {&str__name, "_name"}, {&str_loop, "loop"},
        {&str_current, "current"}, {&str_enter, "enter"}, {&str_leave, "leave"}, {&str_finished, "finished"},
        {&str_awake, "_awake"}, {&str_direct, "_direct"}, {&str_queue, "_queue"}, {&str_append, "append"},
        {&str_free, "_free"}, {&str_another, "_another"},
    };
    for (size_t i = 0; i < Py_ARRAY_LENGTH(names); i++)
        if ((*names[i].into = PyUnicode_InternFromString(names[i].text)) == NULL)
            return -1;
    PyObject *threading = PyImport_ImportModule("threading");
    if (threading == NULL)
        return -1;
    pack_current_thread = PyObject_GetAttrString(threading, "current_thread");
    pack_thread_type = PyObject_GetAttrString(threading, "Thread");
    /* What has an underscore may be gone one day: then the function is called. */
    if ((pack_threads = PyObject_GetAttrString(threading, "_active")) == NULL)
        PyErr_Clear();
    if ((pack_main_type = PyObject_GetAttrString(threading, "_MainThread")) == NULL)
        PyErr_Clear();
    Py_DECREF(threading);
    if (pack_current_thread == NULL || pack_thread_type == NULL)
        return -1;
    if (packing_add(module, &FieldsType, packing_methods, Py_ARRAY_LENGTH(packing_methods)) < 0 ||
        packing_add(module, &PyBaseObject_Type, writer_methods, Py_ARRAY_LENGTH(writer_methods)) < 0 ||
        packing_add(module, &PyBaseObject_Type, box_methods, Py_ARRAY_LENGTH(box_methods)) < 0)
        return -1;
    static int watched;
    if (!watched && pthread_atfork(NULL, NULL, pack_forked) == 0)
        watched = 1;
    pack_forked();
    return 0;
}
