/* The module: its parts are one translation unit, so that the compiler sees all of it. */

#include "core.h"

PyObject *core_current, *core_faults;

void
core_fault(void)
{
    PyObject *type, *error, *trace;
    PyErr_Fetch(&type, &error, &trace);
    if (type == NULL)
        return;
    PyErr_NormalizeException(&type, &error, &trace);
    if (core_faults != NULL && error != NULL) {
        if (trace != NULL)
            PyException_SetTraceback(error, trace);
        PyObject *noted = PyObject_CallOneArg(core_faults, error);
        Py_XDECREF(noted);
        PyErr_Clear();
    }
    Py_XDECREF(type);
    Py_XDECREF(error);
    Py_XDECREF(trace);
}

#include "recording.c"
#include "spans.c"
#include "methods.c"
#include "handover.c"
#include "packing.c"
#include "answer.c"
#include "clock.c"
#include "steps.c"
#include "crossings.c"

/* connect(current, faults, unmarked): what of Python's side every part needs. */
static PyObject *
core_connect(PyObject *module, PyObject *args)
{
    PyObject *current, *faults, *mark;
    if (!PyArg_ParseTuple(args, "O!OO!", &PyContextVar_Type, &current, &faults, &PyMemoryView_Type, &mark))
        return NULL;
    Py_XSETREF(core_current, Py_NewRef(current));
    Py_XSETREF(core_faults, Py_NewRef(faults));
    Py_XSETREF(unmarked, Py_NewRef(mark));
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"connect", core_connect, METH_VARARGS, NULL},
    RECORDING_METHODS
    SPANS_METHODS
    METHODS_METHODS
    HANDOVER_METHODS
    PACKING_METHODS
    ANSWER_METHODS
    CLOCK_METHODS
    STEPS_METHODS
    CROSSINGS_METHODS
    {NULL},
};

static int
execute(PyObject *module)
{
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        /* Its state is the process': a subinterpreter (mod_wsgi's groups) records in Python. */
        PyErr_SetString(PyExc_ImportError, "django_gateway.native.core serves the main interpreter only");
        return -1;
    }
    static int (*const setups[])(PyObject *) = {recording_setup, spans_setup, methods_setup, handover_setup, packing_setup, answer_setup,
                                                clock_setup, steps_setup, crossings_setup};
    for (size_t i = 0; i < Py_ARRAY_LENGTH(setups); i++)
        if (setups[i](module) < 0)
            return -1;
    return 0;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, execute}, {0, NULL}};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "django_gateway.native.core",
    .m_doc = "The recorder's hot path: see native/__init__.py.",
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC
PyInit_core(void)
{
    return PyModuleDef_Init(&definition);
}
