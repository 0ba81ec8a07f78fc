/* What the parts of the module share.

   Everything here runs with the interpreter's lock held, in the main interpreter of CPython: see native/__init__.py.
   Rule for all of it: what goes wrong inside the recorder is cleared and counted (core_fault), never raised. */

#ifndef GATEWAY_CORE_H
#define GATEWAY_CORE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* The attributes of a recording that every request has: fields.py has them in Python, and says what they mean. */
typedef struct {
    PyObject_HEAD
    PyObject *recorder, *interface, *type, *vantage, *path, *trail;
    PyObject *method, *query, *request_id, *status, *client, *descriptor, *server, *handover, *match, *headers;
    PyObject *failure, *scheduler, *steps, *task, *coroutine, *close, *returned, *home, *away, *thread;
    PyObject *failed_with, *unseen, *threads, *way, *connections, *header_values, *mark, *at_end, *finished_trail;
    long long id, started_at, started, ended, shown_at, shown_length, view_time, middleware_time;
    long long bytes_in, bytes_out, chunks, received, sent, crossings, dropped, outside;
    char done, discard, reading, streamed;
} Fields;

extern PyTypeObject FieldsType;

/* What Python told ``connect``. */
extern PyObject *core_current;   /* recording.current, the context variable */
extern PyObject *core_faults;    /* recording.faults.note */

/* Items of a slot of the black box: see blackbox.py. */
enum { BOX_WORD, BOX_INSTANT, BOX_CROSSING, BOX_SET_OUT, BOX_ID, BOX_STARTED_AT, BOX_STARTED, BOX_LENGTH, BOX_STATUS,
       BOX_PIECE, BOX_CHUNKS, BOX_BYTES };

/* perf_counter_ns. */
static inline int64_t core_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* The recording of the current context, borrowed; NULL for none. Never leaves an exception. */
static inline Fields *core_recording(void)
{
    PyObject *found;
    if (PyContextVar_Get(core_current, NULL, &found) < 0) {
        PyErr_Clear();
        return NULL;
    }
    if (found == NULL)
        return NULL;
    Py_DECREF(found); /* the context holds it */
    /* Recording and what is made of it; the first answers at once. */
    return Py_TYPE(found)->tp_base == &FieldsType || PyObject_TypeCheck(found, &FieldsType) ? (Fields *)found : NULL;
}

/* Count the exception that is set as a fault of the recorder, and clear it. */
void core_fault(void);

/* The items of a recording's slot. */
static inline uint64_t *core_slot(Fields *recording)
{
    PyObject *mark = recording->mark;
    if (mark == NULL || !PyMemoryView_Check(mark))
        return NULL;
    return (uint64_t *)PyMemoryView_GET_BUFFER(mark)->buf;
}

/* trail += (item,), which steals ``item``; a finished recording's trail leads nowhere. Errors are faults. */
static inline void core_append(Fields *recording, PyObject *item)
{
    if (item == NULL || (PyList_CheckExact(recording->trail) && PyList_Append(recording->trail, item) < 0))
        core_fault();
    Py_XDECREF(item);
}

static inline void core_mark(Fields *recording, uint64_t mark, int64_t at)
{
    uint64_t *slot = core_slot(recording);
    if (slot != NULL) {
        slot[BOX_WORD] = mark;
        slot[BOX_INSTANT] = (uint64_t)at;
    }
}

/* An event without open fields, here and in the black box; ``word`` is borrowed. */
static inline void core_reach(Fields *recording, PyObject *word, uint64_t mark, int64_t at)
{
    core_append(recording, Py_NewRef(word));
    core_append(recording, PyLong_FromLongLong(at));
    core_mark(recording, mark, at);
}

/* A name that is looked up again and again, and where it is. */
typedef struct {
    PyObject **into;
    const char *text;
} CoreName;

static int
core_names(const CoreName *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if ((*names[i].into = PyUnicode_InternFromString(names[i].text)) == NULL)
            return -1;
    return 0;
}

/* Put ``value`` (stolen, may be NULL for None) where ``field`` is. */
static inline void core_set(PyObject **field, PyObject *value)
{
    PyObject *before = *field;
    *field = value != NULL ? value : Py_NewRef(Py_None);
    Py_XDECREF(before);
}

#endif
