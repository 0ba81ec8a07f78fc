/* A recording's slot in the black box: blackbox.BlackBox.enter and leave, blackbox.pieces. */

#include "core.h"

#define BOX_SLOT 256
#define BOX_TEXT (12 * 8)

/* A class of Python's, and where the attributes lie that it has slots for; see slots_get. */
typedef struct {
    PyTypeObject *type;
    Py_ssize_t offsets[4];
} Slots;

static Slots box_slots; /* blackbox.BlackBox */
static PyObject *box_enter_python, *box_leave_python, *box_pieces_python;
static PyObject *str_free, *str_another;

static int
slots_learn(Slots *learned, PyObject *type, PyObject *const *names, int count)
{
    int found = 0;
    for (; found < count; found++) {
        PyObject *member = PyObject_GetAttr(type, names[found]);
        if (member == NULL)
            return -1;
        const PyMemberDef *definition =
            Py_IS_TYPE(member, &PyMemberDescr_Type) ? ((PyMemberDescrObject *)member)->d_member : NULL;
        Py_DECREF(member);
        if (definition == NULL || definition->type != T_OBJECT_EX) {
            PyErr_SetString(PyExc_TypeError, "a class with slots was expected");
            return -1;
        }
        learned->offsets[found] = definition->offset;
    }
    Py_XSETREF(learned->type, (PyTypeObject *)Py_NewRef(type));
    return 0;
}

/* An attribute of ``object``, which is of that class or looks like one of it; a new reference. */
static inline PyObject *
slots_get(const Slots *learned, PyObject *object, int slot, PyObject *name)
{
    PyObject *found = NULL;
    if (Py_TYPE(object) == learned->type)
        found = *(PyObject **)((char *)object + learned->offsets[slot]);
    return found != NULL ? Py_NewRef(found) : PyObject_GetAttr(object, name);
}

/* Five texts with nulls between them, as many bytes as there is room for; the length of all, -1 for an error. */
static Py_ssize_t
box_text(char *into, PyObject *const *texts)
{
    Py_ssize_t length = 0;
    const Py_ssize_t most = BOX_SLOT - BOX_TEXT;
    for (int i = 0; i < 5; i++) {
        PyObject *text = texts[i], *encoded = NULL;
        const char *data;
        Py_ssize_t size;
        if (i > 0 && length++ < most)
            into[length - 1] = 0;
        if (PyUnicode_IS_COMPACT_ASCII(text)) {
            data = (const char *)PyUnicode_1BYTE_DATA(text);
            size = PyUnicode_GET_LENGTH(text);
        }
        else {
            encoded = PyUnicode_AsEncodedString(text, "utf-8", "replace");
            if (encoded == NULL)
                return -1;
            data = PyBytes_AS_STRING(encoded);
            size = PyBytes_GET_SIZE(encoded);
        }
        if (length < most)
            memcpy(into + length, data, (size_t)(size < most - length ? size : most - length));
        length += size;
        Py_XDECREF(encoded);
    }
    if (length < most)
        memset(into + length, 0, (size_t)(most - length));
    return length;
}

/* Give ``recording`` a slot, where there is one; -1 for an error, 1 where Python is to do it. */
static int
box_enter(PyObject *box, Fields *recording)
{
    PyObject *texts[] = {recording->interface, recording->type, recording->vantage,
                         recording->method == Py_None ? nothing : recording->method, recording->path};
    for (int i = 0; i < 5; i++)
        if (!PyUnicode_CheckExact(texts[i]))
            return 1;
    PyObject *mark = NULL, *free = slots_get(&box_slots, box, 0, str_free);
    if (free == NULL)
        return -1;
    Py_ssize_t count = PyList_CheckExact(free) ? PyList_GET_SIZE(free) : 0;
    if (count > 0) {
        mark = Py_NewRef(PyList_GET_ITEM(free, count - 1));
        if (PyList_SetSlice(free, count - 1, count, NULL) < 0)
            Py_CLEAR(mark);
    }
    else
        mark = PyObject_CallMethodOneArg(box, str_another, (PyObject *)recording);
    Py_DECREF(free);
    if (mark == NULL)
        return -1;
    Py_buffer *memory = PyMemoryView_Check(mark) ? PyMemoryView_GET_BUFFER(mark) : NULL;
    if (memory == NULL || memory->len != BOX_SLOT || memory->readonly) {
        int none = mark == Py_None;
        Py_DECREF(mark);
        if (none)
            return 0;
        PyErr_SetString(PyExc_TypeError, "a slot of the black box was expected");
        return -1;
    }
    uint64_t *slot = memory->buf;
    memset(slot, 0, BOX_TEXT);
    Py_ssize_t length = box_text((char *)slot + BOX_TEXT, texts);
    if (length < 0) {
        Py_DECREF(mark);
        return -1;
    }
    slot[BOX_STARTED_AT] = (uint64_t)recording->started_at;
    slot[BOX_STARTED] = (uint64_t)recording->started;
    slot[BOX_LENGTH] = (uint64_t)length;
    slot[BOX_ID] = (uint64_t)recording->id;
    core_set(&recording->mark, mark);
    return 0;
}

static int
box_leave(PyObject *box, Fields *recording)
{
    if (recording->mark == unmarked)
        return 0;
    PyObject *free = slots_get(&box_slots, box, 0, str_free);
    if (free == NULL)
        return -1;
    uint64_t *slot = core_slot(recording);
    if (slot == NULL || !PyList_CheckExact(free)) {
        Py_DECREF(free);
        PyErr_SetString(PyExc_TypeError, "a slot of the black box was expected");
        return -1;
    }
    PyObject *mark = recording->mark;
    recording->mark = Py_NewRef(unmarked);
    slot[BOX_ID] = 0;
    int failed = PyList_Append(free, mark);
    Py_DECREF(free);
    Py_DECREF(mark);
    return failed;
}

static PyObject *
box_enter_method(PyObject *box, PyObject *recording)
{
    int done = PyObject_TypeCheck(recording, &FieldsType) ? box_enter(box, (Fields *)recording) : 1;
    if (done > 0)
        return PyObject_CallFunctionObjArgs(box_enter_python, box, recording, NULL);
    return done < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *
box_leave_method(PyObject *box, PyObject *recording)
{
    if (!PyObject_TypeCheck(recording, &FieldsType))
        return PyObject_CallFunctionObjArgs(box_leave_python, box, recording, NULL);
    return box_leave(box, (Fields *)recording) < 0 ? NULL : Py_NewRef(Py_None);
}

/* pieces(recording, size): see there. */
static PyObject *
box_pieces(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    uint64_t *slot = count == 2 && PyObject_TypeCheck(args[0], &FieldsType) ? core_slot((Fields *)args[0]) : NULL;
    if (slot == NULL)
        return PyObject_Vectorcall(box_pieces_python, args, (size_t)count, NULL);
    uint64_t size = PyLong_AsUnsignedLongLong(args[1]);
    if (size == (uint64_t)-1 && PyErr_Occurred())
        return NULL;
    const Fields *recording = (const Fields *)args[0];
    slot[BOX_PIECE] = size;
    slot[BOX_CHUNKS] = (uint64_t)recording->chunks;
    slot[BOX_BYTES] = (uint64_t)recording->bytes_out;
    Py_RETURN_NONE;
}

/* connect_box(BlackBox, enter, leave, pieces): the type, and what Python has for them. */
static PyObject *
box_connect(PyObject *module, PyObject *args)
{
    PyObject *type, *enter, *leave, *pieces;
    if (!PyArg_ParseTuple(args, "O!OOO", &PyType_Type, &type, &enter, &leave, &pieces))
        return NULL;
    if (slots_learn(&box_slots, type, &str_free, 1) < 0)
        return NULL;
    Py_XSETREF(box_enter_python, Py_NewRef(enter));
    Py_XSETREF(box_leave_python, Py_NewRef(leave));
    Py_XSETREF(box_pieces_python, Py_NewRef(pieces));
    Py_RETURN_NONE;
}

static PyMethodDef box_methods[] = {
    {"enter", box_enter_method, METH_O, "Give a recording a slot, where there is one."},
    {"leave", box_leave_method, METH_O, "Take it back."},
};

#define BOX_METHODS \
    {"pieces", (PyCFunction)(void (*)(void))box_pieces, METH_FASTCALL, NULL}, \
    {"connect_box", box_connect, METH_VARARGS, NULL},
