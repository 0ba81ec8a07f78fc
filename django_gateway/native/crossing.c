/* What is told of a crossing on its way. A part of crossings.c. */

#include "core.h"

/* Whether the recording may take another event: Recording.add. */
static int
crossing_has_room(Fields *recording)
{
    if (!PyList_CheckExact(recording->trail))
        return 0; /* finished: it would lead nowhere */
    Py_ssize_t length = PyList_GET_SIZE(recording->trail);
    PyObject *room = PyObject_GetAttr(recording->recorder, asgi_room);
    PyObject *assured = room != NULL ? PyObject_GetAttr(room, asgi_assured) : NULL;
    int has = assured != NULL && length < PyLong_AsSsize_t(assured);
    if (assured != NULL && !has && !PyErr_Occurred()) {
        PyObject *number = PyLong_FromSsize_t(length);
        PyObject *beyond = number != NULL ? PyObject_CallMethodOneArg(room, asgi_beyond, number) : NULL;
        has = beyond != NULL && PyObject_IsTrue(beyond) > 0;
        Py_XDECREF(number);
        Py_XDECREF(beyond);
        if (!has && !PyErr_Occurred())
            recording->dropped++;
    }
    Py_XDECREF(room);
    Py_XDECREF(assured);
    if (PyErr_Occurred())
        core_fault();
    return has;
}

static inline PyObject *
crossing_instant(int64_t at)
{
    return at ? PyLong_FromLongLong(at) : Py_NewRef(Py_None);
}

static PyObject *
crossing_word(Crossing *self)
{
    uint64_t mark;
    return self->word != NULL ? Py_NewRef(self->word) : crossing_word_of(self->function, &mark);
}

static void
crossing_sets_out(Crossing *self)
{
    uint64_t mark, *slot;
    self->started = core_now();
    self->word = crossing_word_of(self->function, &mark);
    if (self->word == NULL)
        core_fault();
    else if ((slot = core_slot(self->recording)) != NULL) {
        slot[BOX_CROSSING] = mark;
        slot[BOX_SET_OUT] = (uint64_t)self->started;
    }
}

/* The caller goes on; no exception is set. */
static void
crossing_ended(Driven *driven)
{
    Crossing *self = (Crossing *)driven;
    Fields *recording = self->recording;
    int64_t returned = core_now();
    uint64_t *slot = core_slot(recording);
    self->over = 1;
    if (slot != NULL)
        slot[BOX_CROSSING] = 0; /* one around it, or beside it, is no longer told: it would have to be looked for */
    recording->crossings++;
    PyObject *word = crossing_word(self);
    if (word == NULL) {
        core_fault();
        return;
    }
    if (crossing_has_room(recording)) {
        core_append(recording, word);
        core_append(recording, PyLong_FromLongLong(self->started));
        core_append(recording, Py_NewRef(self->thread));
        core_append(recording, crossing_instant(self->entered));
        core_append(recording, crossing_instant(self->left));
        core_append(recording, PyLong_FromLongLong(returned));
    }
    else
        Py_DECREF(word);
    if (!self->entered && self->queue != NULL) {
        PyObject *gone = PyObject_CallMethodNoArgs(self->queue, asgi_gives_up);
        if (gone == NULL)
            core_fault();
        Py_XDECREF(gone);
    }
    if (self->ahead && crossing_has_room(recording)) {
        core_append(recording, Py_NewRef(asgi_python.queued));
        core_append(recording, PyLong_FromLongLong(self->started));
        core_append(recording, Py_NewRef(self->thread));
        core_append(recording, PyLong_FromSsize_t(self->ahead));
    }
}

/* The calling thread's identifier. Many calls come from the same thread. */
static PyObject *
crossing_thread(void)
{
    static unsigned long last;
    static PyObject *number;
    unsigned long ident = PyThread_get_thread_ident();
    if (number == NULL || ident != last) {
        PyObject *found = PyLong_FromUnsignedLong(ident);
        if (found == NULL)
            return NULL;
        Py_XSETREF(number, found);
        last = ident;
    }
    return Py_NewRef(number);
}

static int
crossing_name(Fields *recording, PyObject *thread)
{
    if (recording->threads == Py_None) {
        PyObject *names = PyDict_New();
        if (names == NULL)
            return -1;
        core_set(&recording->threads, names);
    }
    int there = PyDict_Contains(recording->threads, thread);
    if (there)
        return there < 0 ? -1 : 0;
    PyObject *name = PyObject_CallNoArgs(asgi_python.name);
    int kept = name != NULL ? PyDict_SetItem(recording->threads, thread, name) : -1;
    Py_XDECREF(name);
    return kept;
}

static void
crossing_arrives(Crossing *self)
{
    PyObject *thread = crossing_thread();
    if (thread == NULL) {
        core_fault();
        return;
    }
    core_set(&self->recording->away, Py_NewRef(thread));
    core_set(&self->thread, thread);
    if (crossing_name(self->recording, thread) < 0) {
        core_fault();
        return;
    }
    if (self->sensitive)
        self->ahead = sensitive_begins(self->started);
    else if (self->queue != NULL) {
        PyObject *handed = PyLong_FromLongLong(self->started);
        PyObject *ahead = handed != NULL ? PyObject_CallMethodOneArg(self->queue, asgi_begins, handed) : NULL;
        Py_XDECREF(handed);
        if (ahead != NULL)
            self->ahead = PyLong_AsSsize_t(ahead);
        Py_XDECREF(ahead);
        if (PyErr_Occurred()) {
            self->ahead = 0;
            core_fault();
            return;
        }
    }
    self->entered = core_now();
}

/* The function has ended; no exception is set. */
static void
crossing_leaves(Crossing *self)
{
    self->left = core_now();
    if (self->over && crossing_has_room(self->recording)) {
        /* Its caller was cancelled, and is gone; a thread can't be. */
        PyObject *word = PyObject_CallFunctionObjArgs(asgi_python.word, asgi_ran_on, self->function, NULL);
        if (word == NULL)
            core_fault();
        else {
            core_append(self->recording, word);
            core_append(self->recording, PyLong_FromLongLong(self->left));
            core_append(self->recording, Py_NewRef(self->thread));
        }
    }
    if (self->sensitive)
        sensitive_ends(self->entered, self->left);
    else if (self->queue != NULL) {
        PyObject *began = crossing_instant(self->entered), *instant = PyLong_FromLongLong(self->left), *done = NULL;
        if (began != NULL && instant != NULL)
            done = PyObject_CallMethodObjArgs(self->queue, asgi_ends, began, instant, NULL);
        if (done == NULL)
            core_fault();
        Py_XDECREF(began);
        Py_XDECREF(instant);
        Py_XDECREF(done);
    }
}
