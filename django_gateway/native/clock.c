/* ThreadClock: what the operating system gave the calling thread. clocks.py has it in Python, and says why it is so.

   The kernel is asked with the interpreter's lock held: to let go of it for a microsecond can cost 5 ms. */

#include "core.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

/* Off the processor for less than this, in nanoseconds, is never having left it. */
#define NEVER_LEFT 4000
/* After more exchanges in a row than this that never left it, the queue is not asked at the start of the next. */
#define QUIET 8

typedef struct {
    PyObject_HEAD
    PyObject *scheduler, *times; /* exchange.Scheduler; the path of the thread's schedstat as bytes, or None */
    int switches;                /* whether getrusage tells of one thread */
    unsigned number;
} ThreadClock;

/* What is kept of one thread, in its state and as long as that is there, for the clock that it used last. */
typedef struct {
    PyObject_HEAD
    unsigned forks, clock;
    int descriptor, quiet;
    int64_t switched_in, out[2]; /* -1 where not known */
} ClockThread;

typedef struct {
    PyObject_HEAD
    pthread_t thread;
    unsigned forks;
    int64_t then, cpu, ready, switches; /* -1 where not known */
} Reading;

static PyTypeObject ReadingType, ClockThreadType;
static PyObject *clock_key;
static unsigned clock_forks, clock_number;

static void
clock_forked(void)
{
    clock_forks++;
}

static void
clock_thread_gone(ClockThread *thread)
{
    /* In a forked child the number may be another file's by now. */
    if (thread->descriptor >= 0 && thread->forks == clock_forks)
        close(thread->descriptor);
    PyObject_Free(thread);
}

/* Borrowed; NULL for an exception. */
static ClockThread *
clock_thread(ThreadClock *self)
{
    PyObject *kept = PyThreadState_GetDict();
    PyObject *found = kept == NULL ? NULL : PyDict_GetItemWithError(kept, clock_key);
    ClockThread *thread = (ClockThread *)found;
    if (thread != NULL && thread->forks == clock_forks && thread->clock == self->number)
        return thread;
    thread = kept == NULL ? NULL : PyObject_New(ClockThread, &ClockThreadType);
    if (thread == NULL)
        return (ClockThread *)(PyErr_Occurred() ? NULL : PyErr_NoMemory());
    thread->forks = clock_forks;
    thread->clock = self->number;
    thread->quiet = 0;
    thread->switched_in = thread->out[0] = thread->out[1] = -1;
    thread->descriptor = self->times == Py_None ? -1 : open(PyBytes_AS_STRING(self->times), O_RDONLY | O_CLOEXEC);
    int kept_now = PyDict_SetItem(kept, clock_key, (PyObject *)thread) == 0;
    Py_DECREF((PyObject *)thread);
    return kept_now ? thread : NULL;
}

static int64_t
clock_cpu(void)
{
    struct timespec spent;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return (int64_t)spent.tv_sec * 1000000000 + spent.tv_nsec;
}

/* The thread's wait in the run queue, and how often it was switched in. */
static void
clock_queue(ClockThread *thread, int64_t *ready, int64_t *switches)
{
    char text[65], *end = text;
    ssize_t length = thread->descriptor < 0 ? 0 : pread(thread->descriptor, text, sizeof text - 1, 0);
    *ready = *switches = -1;
    if (length <= 0)
        return;
    text[length] = 0;
    int64_t found[3] = {0};
    for (int i = 0; i < 3; i++) {
        while (*end == ' ')
            end++;
        if (*end < '0' || *end > '9')
            return;
        while (*end >= '0' && *end <= '9')
            found[i] = found[i] * 10 + (*end++ - '0');
    }
    *ready = found[1];
    *switches = found[2];
}

/* How often it gave its processor up, willingly and unwillingly. */
static void
clock_out(ThreadClock *self, ClockThread *thread)
{
    struct rusage usage;
    thread->out[0] = thread->out[1] = -1;
    if (self->switches && getrusage(RUSAGE_THREAD, &usage) == 0) {
        thread->out[0] = usage.ru_nvcsw;
        thread->out[1] = usage.ru_nivcsw;
    }
}

static PyObject *
clock_start(ThreadClock *self, PyObject *none)
{
    ClockThread *thread = clock_thread(self);
    Reading *reading = thread == NULL ? NULL : PyObject_New(Reading, &ReadingType);
    if (reading == NULL)
        return NULL;
    reading->thread = pthread_self();
    reading->forks = clock_forks;
    reading->ready = reading->switches = -1;
    if (thread->quiet <= QUIET) {
        clock_queue(thread, &reading->ready, &reading->switches);
        if (reading->switches < 0 || reading->switches != thread->switched_in)
            clock_out(self, thread); /* switched since the last one, as when it waited for a request */
    }
    reading->then = core_now();
    reading->cpu = clock_cpu();
    return (PyObject *)reading;
}

static PyObject *
clock_whole(ThreadClock *self, PyObject *started)
{
    long long then = PyLong_AsLongLong(started);
    if (then == -1 && PyErr_Occurred())
        return NULL;
    ClockThread *thread = clock_thread(self);
    Reading *reading = thread == NULL ? NULL : PyObject_New(Reading, &ReadingType);
    if (reading == NULL)
        return NULL;
    thread->out[0] = thread->out[1] = 0;
    reading->thread = pthread_self();
    reading->forks = clock_forks;
    reading->then = then;
    reading->cpu = reading->ready = 0;
    reading->switches = 1;
    return (PyObject *)reading;
}

/* A Scheduler; less than 0 is None, but for ``running``. */
static PyObject *
clock_scheduler(ThreadClock *self, int64_t running, int64_t ready, int64_t sleeping, int64_t willingly, int64_t not)
{
    int64_t numbers[] = {running, ready, sleeping, willingly, not};
    PyObject *fields[5], *made = NULL;
    int count = 0;
    for (; count < 5; count++) {
        fields[count] = count && numbers[count] < 0 ? Py_NewRef(Py_None) : PyLong_FromLongLong(numbers[count]);
        if (fields[count] == NULL)
            break;
    }
    if (count == 5)
        made = PyObject_Vectorcall(self->scheduler, fields, 5, NULL);
    while (count)
        Py_DECREF(fields[--count]);
    return made;
}

static PyObject *
clock_since(ThreadClock *self, PyObject *given)
{
    if (!Py_IS_TYPE(given, &ReadingType)) {
        PyErr_SetString(PyExc_TypeError, "since() takes what start() returned");
        return NULL;
    }
    Reading *reading = (Reading *)given;
    if (!pthread_equal(reading->thread, pthread_self()) || reading->forks != clock_forks)
        Py_RETURN_NONE;
    ClockThread *thread = clock_thread(self);
    if (thread == NULL)
        return NULL;
    int64_t running = clock_cpu() - reading->cpu;
    int64_t away = core_now() - reading->then - running;
    if (away < NEVER_LEFT) {
        if (thread->quiet <= QUIET)
            thread->quiet++;
        return clock_scheduler(self, running, 0, away > 0 ? away : 0, 0, 0);
    }
    thread->quiet = 0;
    int64_t ready, switches;
    clock_queue(thread, &ready, &switches);
    if (reading->ready < 0 || reading->switches < 0 || switches < 0)
        return clock_scheduler(self, running, -1, away, -1, -1);
    int64_t waited = ready > reading->ready ? ready - reading->ready : 0;
    if (waited > away)
        waited = away;
    thread->switched_in = switches;
    int64_t before[2] = {thread->out[0], thread->out[1]};
    clock_out(self, thread);
    if (before[0] < 0 || thread->out[0] < 0)
        return clock_scheduler(self, running, waited, away - waited, -1, -1);
    return clock_scheduler(self, running, waited, away - waited, thread->out[0] - before[0],
                           thread->out[1] - before[1]);
}

/* ThreadClock(Scheduler, path of schedstat or None, whether switches are counted) */
static int
clock_init(ThreadClock *self, PyObject *args, PyObject *kwargs)
{
    PyObject *scheduler, *path, *times = NULL;
    int switches;
    if (!PyArg_ParseTuple(args, "OOp", &scheduler, &path, &switches))
        return -1;
    if (path == Py_None)
        times = Py_NewRef(Py_None);
    else if (!PyUnicode_FSConverter(path, &times))
        return -1;
    Py_XSETREF(self->scheduler, Py_NewRef(scheduler));
    Py_XSETREF(self->times, times);
    self->switches = switches;
    self->number = ++clock_number;
    return 0;
}

static PyObject *
clock_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    ThreadClock *self = (ThreadClock *)type->tp_alloc(type, 0);
    if (self != NULL) {
        self->scheduler = Py_NewRef(Py_None);
        self->times = Py_NewRef(Py_None);
    }
    return (PyObject *)self;
}

static int
clock_traverse(ThreadClock *self, visitproc visit, void *arg)
{
    Py_VISIT(self->scheduler);
    return 0;
}

static void
clock_dealloc(ThreadClock *self)
{
    PyObject_GC_UnTrack(self);
    Py_XDECREF(self->scheduler);
    Py_XDECREF(self->times);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef clock_methods[] = {
    {"start", (PyCFunction)clock_start, METH_NOARGS, NULL},
    {"whole", (PyCFunction)clock_whole, METH_O, NULL},
    {"since", (PyCFunction)clock_since, METH_O, NULL},
    {NULL},
};

static PyTypeObject ReadingType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "django_gateway.native.core.Reading",
    .tp_doc = "What ThreadClock.start returns.",
    .tp_basicsize = sizeof(Reading),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
};

static PyTypeObject ClockThreadType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "django_gateway.native.core.ClockThread",
    .tp_doc = "What is kept of one thread.",
    .tp_basicsize = sizeof(ClockThread),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = (destructor)clock_thread_gone,
};

static PyTypeObject ThreadClockType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "django_gateway.native.core.ThreadClock",
    .tp_doc = "Reads the calling thread's times.",
    .tp_basicsize = sizeof(ThreadClock),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = clock_new,
    .tp_init = (initproc)clock_init,
    .tp_traverse = (traverseproc)clock_traverse,
    .tp_dealloc = (destructor)clock_dealloc,
    .tp_methods = clock_methods,
};

#define CLOCK_METHODS

static int
clock_setup(PyObject *module)
{
    if (pthread_atfork(NULL, NULL, clock_forked) != 0) {
        PyErr_SetString(PyExc_ImportError, "no room for another handler of forks");
        return -1;
    }
    clock_key = PyUnicode_InternFromString("django_gateway.clock");
    if (clock_key == NULL || PyType_Ready(&ReadingType) < 0 || PyType_Ready(&ClockThreadType) < 0 ||
        PyType_Ready(&ThreadClockType) < 0)
        return -1;
    return PyModule_AddObjectRef(module, "ThreadClock", (PyObject *)&ThreadClockType);
}
