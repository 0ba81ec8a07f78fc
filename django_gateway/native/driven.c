/* What drives a coroutine. A part of steps.c. */

#include "core.h"

/* Driving: a generator's ways, as the generator in clocks.py has them. */

/* It is over, with or without an exception, which stays as it is. */
static void
driven_end(Driven *self)
{
    PyObject *type, *error, *trace;
    self->state = DRIVEN_OVER;
    PyErr_Fetch(&type, &error, &trace);
    if (Py_TYPE(self) != &SteppedType)
        crossing_ended(self);
    else {
        Steps *steps = ((Stepped *)self)->steps;
        if (steps->heart != Py_None) {
            PyObject *until = PyLong_FromLongLong(core_now());
            PyObject *rested = until != NULL ? PyObject_CallMethodOneArg((PyObject *)steps, asgi_rest, until) : NULL;
            if (rested == NULL)
                core_fault();
            Py_XDECREF(rested);
            Py_XDECREF(until);
        }
    }
    Py_CLEAR(self->coroutine);
    PyErr_Restore(type, error, trace);
}

static inline int64_t
driven_resume(Driven *self)
{
    self->state = DRIVEN_RUNNING;
    if (Py_TYPE(self) != &SteppedType)
        return 0;
    Steps *steps = ((Stepped *)self)->steps;
    steps_begin(steps);
    return steps->since;
}

static inline void
driven_pause(Driven *self, int64_t started, int suspended)
{
    if (started)
        steps_end(((Stepped *)self)->steps, started);
    if (suspended)
        self->state = DRIVEN_SUSPENDED;
    else
        driven_end(self);
}

static PyObject *
driven_busy(void)
{
    PyErr_SetString(PyExc_ValueError, "generator already executing");
    return NULL;
}

static PySendResult
driven_send(Driven *self, PyObject *argument, PyObject **result)
{
    if (self->state != DRIVEN_SUSPENDED) {
        *result = NULL;
        if (self->state == DRIVEN_RUNNING) {
            driven_busy();
            return PYGEN_ERROR;
        }
        if (self->state == DRIVEN_OVER) {
            *result = Py_NewRef(Py_None);
            return PYGEN_RETURN;
        }
        if (argument != Py_None) {
            PyErr_SetString(PyExc_TypeError, "can't send non-None value to a just-started generator");
            return PYGEN_ERROR;
        }
    }
    int64_t started = driven_resume(self);
    PySendResult how = PyIter_Send(self->coroutine, argument, result);
    driven_pause(self, started, how == PYGEN_NEXT);
    return how;
}

/* The same for those who want StopIteration. */
static PyObject *
driven_sent(Driven *self, PyObject *argument)
{
    PyObject *result;
    PySendResult how = driven_send(self, argument, &result);
    if (how != PYGEN_RETURN)
        return result;
    if (result == Py_None) {
        Py_DECREF(result);
        PyErr_SetNone(PyExc_StopIteration);
        return NULL;
    }
    /* An instance: a tuple or an exception would be taken apart as its arguments. */
    PyObject *stop = PyObject_CallOneArg(PyExc_StopIteration, result);
    Py_DECREF(result);
    if (stop != NULL) {
        PyErr_SetObject(PyExc_StopIteration, stop);
        Py_DECREF(stop);
    }
    return NULL;
}

static PyObject *
driven_next(Driven *self)
{
    return driven_sent(self, Py_None);
}

static PyObject *
driven_close(Driven *self, PyObject *none)
{
    if (self->state == DRIVEN_RUNNING)
        return driven_busy();
    if (self->state == DRIVEN_FRESH) {
        self->state = DRIVEN_OVER;
        if (Py_TYPE(self) != &SteppedType)
            driven_end(self);
        else
            Py_CLEAR(self->coroutine);
    }
    else if (self->state == DRIVEN_SUSPENDED) {
        self->state = DRIVEN_RUNNING;
        PyObject *closed = PyObject_CallMethodNoArgs(self->coroutine, asgi_close);
        driven_end(self);
        if (closed == NULL)
            return NULL;
        Py_DECREF(closed);
    }
    Py_RETURN_NONE;
}

static void
driven_raise(PyObject *const *args, Py_ssize_t count)
{
    if (PyExceptionInstance_Check(args[0]))
        PyErr_SetObject(PyExceptionInstance_Class(args[0]), args[0]);
    else
        PyErr_SetObject(args[0], count > 1 && args[1] != Py_None ? args[1] : NULL);
    if (count > 2 && PyTraceBack_Check(args[2])) {
        PyObject *type, *error, *trace;
        PyErr_Fetch(&type, &error, &trace);
        Py_XDECREF(trace);
        PyErr_Restore(type, error, Py_NewRef(args[2]));
    }
}

static PyObject *
driven_throw(Driven *self, PyObject *const *args, Py_ssize_t count)
{
    if (count < 1 || count > 3) {
        PyErr_Format(PyExc_TypeError, "throw expected 1 to 3 arguments, got %zd", count);
        return NULL;
    }
    if (!PyExceptionClass_Check(args[0]) && !PyExceptionInstance_Check(args[0])) {
        PyErr_Format(PyExc_TypeError, "exceptions must be classes or instances deriving from BaseException, not %s",
                     Py_TYPE(args[0])->tp_name);
        return NULL;
    }
    if (self->state == DRIVEN_RUNNING)
        return driven_busy();
    if (self->state != DRIVEN_SUSPENDED || PyErr_GivenExceptionMatches(args[0], PyExc_GeneratorExit)) {
        PyObject *closed = driven_close(self, NULL);
        if (closed == NULL)
            return NULL;
        Py_DECREF(closed);
        driven_raise(args, count);
        return NULL;
    }
    PyObject *vector[4] = {self->coroutine, args[0], count > 1 ? args[1] : NULL, count > 2 ? args[2] : NULL};
    int64_t started = driven_resume(self);
    PyObject *result = PyObject_VectorcallMethod(asgi_throw, vector, (size_t)count + 1, NULL);
    driven_pause(self, started, result != NULL);
    return result;
}

static void
driven_finalize(Driven *self)
{
    if (self->state != DRIVEN_SUSPENDED)
        return;
    PyObject *type, *error, *trace;
    PyErr_Fetch(&type, &error, &trace);
    PyObject *closed = driven_close(self, NULL);
    if (closed == NULL)
        PyErr_WriteUnraisable((PyObject *)self);
    Py_XDECREF(closed);
    PyErr_Restore(type, error, trace);
}

/* For the garbage collector, which has closed what was suspended. */
static int
driven_clear(Driven *self)
{
    self->state = DRIVEN_OVER;
    Py_CLEAR(self->coroutine);
    return 0;
}

/* What the coroutine says of itself. */
static PyObject *
driven_asked(Driven *self, void *name)
{
    return self->coroutine != NULL ? PyObject_GetAttrString(self->coroutine, name) : Py_NewRef(Py_None);
}

static PyGetSetDef driven_asks[] = {
    {"cr_await", (getter)driven_asked, NULL, NULL, "cr_await"},
    {"cr_code", (getter)driven_asked, NULL, NULL, "cr_code"},
    {"cr_frame", (getter)driven_asked, NULL, NULL, "cr_frame"},
    {"cr_running", (getter)driven_asked, NULL, NULL, "cr_running"},
    {NULL},
};

static PyMethodDef driven_methods[] = {
    {"send", (PyCFunction)driven_sent, METH_O, NULL},
    {"throw", (PyCFunction)(void (*)(void))driven_throw, METH_FASTCALL, NULL},
    {"close", (PyCFunction)driven_close, METH_NOARGS, NULL},
    {NULL},
};

static PyAsyncMethods driven_async = {.am_await = PyObject_SelfIter, .am_send = (sendfunc)driven_send};
