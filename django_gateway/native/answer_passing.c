/* What passes through an answer: the context, exceptions, and the exchange's end. A part of answer.c. */

#include "core.h"

/* An error of the recorder's own is counted; what is none (KeyboardInterrupt, a server's SystemExit) goes on: 0. */
static int
answer_survived(void)
{
    PyObject *type, *error, *trace;
    if (!PyErr_ExceptionMatches(PyExc_Exception))
        return 0;
    PyErr_Fetch(&type, &error, &trace);
    PyErr_NormalizeException(&type, &error, &trace);
    if (trace != NULL)
        PyException_SetTraceback(error, trace);
    PyObject *noted = PyObject_CallOneArg(core_faults, error); /* raises it where tests are strict */
    Py_XDECREF(type);
    Py_XDECREF(error);
    Py_XDECREF(trace);
    Py_XDECREF(noted);
    return noted != NULL;
}

static PyObject *
answer_global(PyObject *name)
{
    PyObject *found = PyDict_GetItemWithError(answer_globals, name);
    if (found == NULL && !PyErr_Occurred())
        PyErr_SetObject(PyExc_NameError, name);
    return found;
}

/* The end of a stretch in which ``current`` is the recording, whatever was raised in it. */
static void
answer_leave(Answer *self, PyObject *token)
{
    PyObject *type, *error, *trace;
    PyErr_Fetch(&type, &error, &trace);
    ((Fields *)self->recording)->outside = 0;
    if (token != NULL && PyContextVar_Reset(core_current, token) < 0)
        core_fault();
    Py_XDECREF(token);
    PyErr_Restore(type, error, trace);
}

static PyObject *
answer_enter(Answer *self)
{
    PyFrameObject *outside = PyEval_GetFrame(); /* of the server; its id is all that is kept, while it runs */
    ((Fields *)self->recording)->outside = outside != NULL ? (long long)(uintptr_t)outside : 1;
    PyObject *token = PyContextVar_Set(core_current, self->recording);
    if (token == NULL)
        core_fault();
    return token;
}

/* The exchange's end; -1 where what is raised is for the one outside. */
static int
answer_finish(Answer *self)
{
    Fields *recording = (Fields *)self->recording;
    if (recording->done)
        return 0;
    if (self->clock != Py_None) {
        PyObject *scheduler = PyObject_CallMethodOneArg(answer_clock, answer_name.since, self->clock);
        if (scheduler != NULL)
            core_set(&recording->scheduler, scheduler);
        else if (!answer_survived())
            return -1;
    }
    PyObject *finished = PyObject_CallMethodNoArgs(self->recording, answer_name.finish);
    if (finished == NULL && !answer_survived())
        return -1;
    Py_XDECREF(finished);
    return 0;
}

/* What is on its way out is kept as the exchange's failure, if it ``failed``, and the exchange ends, if it ``ends``. */
static void
answer_passing(Answer *self, int failed, int ends)
{
    PyObject *type, *error, *trace, *kept;
    PyErr_Fetch(&type, &error, &trace);
    int passes = 1;
    if (failed && type != NULL) {
        PyErr_NormalizeException(&type, &error, &trace);
        if (trace != NULL)
            PyException_SetTraceback(error, trace);
        kept = PyObject_CallMethodOneArg(self->recording, answer_name.fail, error);
        passes = kept != NULL || answer_survived();
        Py_XDECREF(kept);
    }
    if (passes && ends)
        passes = answer_finish(self) == 0;
    if (passes)
        PyErr_Restore(type, error, trace);
    else {
        Py_XDECREF(type);
        Py_XDECREF(error);
        Py_XDECREF(trace);
    }
}
