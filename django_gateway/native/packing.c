/* A recording's beginning and end, recording.Recording.begun and finish; and Writer.submit, which takes it as a row and
   a record. */

#include <unistd.h>
#include <pthread.h>
#include "core.h"
#include "record.c"
#include "blackbox.c"

static PyObject *pack_nowhere;                       /* recording._NOWHERE */
static PyObject *pack_threads, *pack_current_thread; /* of threading: those that are alive, and the function */
static Slots recorder_slots, writer_slots;           /* recording.Recorder, stores.writer.Writer */
static PyObject *str_in_flight, *str_box, *str_watch, *str_submit, *str_last_words, *str_enter, *str_leave;
static PyObject *str_awake, *str_direct, *str_queue, *str_append;
static PyObject *writer_submit_python, *writer_wake_python; /* of stores.writer.Writer */
static long long writer_sampled;
static Py_ssize_t writer_most;

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
        !(((Fields *)recording)->id & writer_sampled) ||
        (queue = slots_get(&writer_slots, writer, 2, str_queue)) == NULL || PyObject_Size(queue) >= writer_most ||
        (packed = pack(NULL, recording)) == Py_NotImplemented) {
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

/* connect_packing(Recorder, Recording, encode, structs, host, nowhere, facts); ``structs`` has Match and Failure. */
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
    static const CoreName names[] = {
        {&str_in_flight, "in_flight"}, {&str_box, "box"}, {&str_watch, "watch"}, {&str_submit, "submit"},
        {&str_last_words, "_last_words"}, {&str_name, "name"}, {&str__name, "_name"}, {&str_loop, "loop"},
        {&str_current, "current"}, {&str_enter, "enter"}, {&str_leave, "leave"}, {&str_finished, "finished"},
        {&str_awake, "_awake"}, {&str_direct, "_direct"}, {&str_queue, "_queue"}, {&str_append, "append"},
        {&str_free, "_free"}, {&str_another, "_another"},
    };
    if (core_names(names, Py_ARRAY_LENGTH(names)) < 0)
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
