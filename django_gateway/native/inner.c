/* A method of Django's that may begin a recording. A part of wrapper.c. */

#include "core.h"

/* A method of Django's: ``plain`` where something is recording already, else ``python``, which begins a recording. */
typedef struct {
    PyObject_HEAD
    vectorcallfunc vectorcall;
    PyObject *dict, *plain, *python;
} Inner;

static PyObject *
inner_vectorcall(Inner *self, PyObject *const *args, size_t count, PyObject *names)
{
    Fields *recording = core_recording();
    return PyObject_Vectorcall(recording != NULL && !recording->done ? self->plain : self->python, args, count, names);
}

/* Inner(plain, python) */
static PyObject *
inner_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    PyObject *plain, *python;
    Inner *self = PyArg_ParseTuple(args, "OO", &plain, &python) ? (Inner *)type->tp_alloc(type, 0) : NULL;
    if (self != NULL) {
        self->vectorcall = (vectorcallfunc)inner_vectorcall;
        self->plain = Py_NewRef(plain);
        self->python = Py_NewRef(python);
    }
    return (PyObject *)self;
}

static PyObject *
inner_bound(PyObject *self, PyObject *owner, PyObject *type)
{
    return owner == NULL || owner == Py_None ? Py_NewRef(self) : PyMethod_New(self, owner);
}

static int
inner_traverse(Inner *self, visitproc visit, void *arg)
{
    Py_VISIT(self->dict);
    Py_VISIT(self->plain);
    Py_VISIT(self->python);
    return 0;
}

static int
inner_clear(Inner *self)
{
    Py_CLEAR(self->dict);
    return 0;
}

static void
inner_dealloc(Inner *self)
{
    PyObject_GC_UnTrack(self);
    Py_XDECREF(self->dict);
    Py_XDECREF(self->plain);
    Py_XDECREF(self->python);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyGetSetDef inner_attributes[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
    {NULL},
};

static PyTypeObject InnerType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "django_gateway.native.core.Inner",
    .tp_basicsize = sizeof(Inner),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR,
    .tp_new = inner_new,
    .tp_call = PyVectorcall_Call,
    .tp_vectorcall_offset = offsetof(Inner, vectorcall),
    .tp_dictoffset = offsetof(Inner, dict),
    .tp_descr_get = inner_bound,
    .tp_traverse = (traverseproc)inner_traverse,
    .tp_clear = (inquiry)inner_clear,
    .tp_dealloc = (destructor)inner_dealloc,
    .tp_getset = inner_attributes,
};
