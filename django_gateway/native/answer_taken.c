/* What the application returned, and what the server gets in its place. A part of answer.c. */

#include "core.h"

/* isinstance() as the Python function asks; 1, 0, or -1 for an exception. */
static int
answer_is_server_file(PyObject *iterable, PyObject *wrapper)
{
    PyObject *is_file = answer_global(answer_name.is_file);
    if (is_file == NULL)
        return -1;
    if (is_file == answer_is_file && PyType_Check(wrapper))
        return PyObject_IsInstance(iterable, wrapper);
    PyObject *args[] = {iterable, wrapper};
    PyObject *answer = PyObject_Vectorcall(is_file, args, 2, NULL);
    int is = answer == NULL ? -1 : PyObject_IsTrue(answer);
    Py_XDECREF(answer);
    return is;
}

/* What ``returned_word`` is for this type. */
static int
answer_returned_word(PyTypeObject *type)
{
    PyObject *teller = answer_global(answer_name.returned_word);
    if (teller == NULL)
        return -1;
    if (teller == returned_by && (PyObject *)type == returned_type)
        return 0;
    PyObject *told = PyObject_CallOneArg(teller, (PyObject *)type), *word, *mark;
    if (told == NULL)
        return -1;
    int fits = PyArg_ParseTuple(told, "OO", &word, &mark);
    uint64_t number = fits ? PyLong_AsUnsignedLongLong(mark) : 0;
    if (!fits || PyErr_Occurred()) {
        Py_DECREF(told);
        return -1;
    }
    Py_XSETREF(returned_by, Py_NewRef(teller));
    Py_XSETREF(returned_type, Py_NewRef((PyObject *)type));
    Py_XSETREF(returned_word, Py_NewRef(word));
    returned_mark = number;
    Py_DECREF(told);
    return 0;
}

/* 1 where the server gets the iterable itself, 0 where it gets the answer, -1 for an exception. */
static int
answer_take(Answer *self, PyObject *iterable, PyObject *file_wrapper)
{
    Fields *recording = (Fields *)self->recording;
    core_set(&self->iterable, Py_NewRef(iterable));
    int64_t at = core_now();
    PyObject *instant = PyLong_FromLongLong(at);
    if (instant == NULL)
        return -1;
    core_set(&recording->returned, instant);
    if (answer_returned_word(Py_TYPE(iterable)) < 0)
        return -1;
    core_append(recording, Py_NewRef(returned_word));
    core_append(recording, Py_NewRef(instant));
    core_mark(recording, returned_mark, at);
    if (file_wrapper != NULL && file_wrapper != Py_None) {
        int is = answer_is_server_file(iterable, file_wrapper);
        if (is > 0) {
            PyObject *unseen = PyList_New(1);
            if (unseen == NULL)
                return -1;
            PyList_SET_ITEM(unseen, 0, Py_NewRef(answer_unseen));
            core_set(&recording->unseen, unseen);
        }
        if (is != 0)
            return is;
    }
    PyTypeObject *type = Py_TYPE(iterable);
    /* A length tells servers that the only block is the whole body: keep it exactly where it is. */
    if ((type->tp_as_sequence != NULL && type->tp_as_sequence->sq_length != NULL) ||
        (type->tp_as_mapping != NULL && type->tp_as_mapping->mp_length != NULL) ||
        PyObject_HasAttr(iterable, answer_name.length))
        Py_SET_TYPE(self, &SizedAnswerType);
    return 0;
}

/* What the server gets in the iterable's place. */
static PyObject *
answer_returned(Answer *self, PyObject *const *args, Py_ssize_t count)
{
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "returned() takes an iterable and a file_wrapper");
        return NULL;
    }
    int taken = answer_take(self, args[0], args[1]);
    if (taken == 0)
        return Py_NewRef((PyObject *)self);
    if (taken < 0 && !answer_survived())
        return NULL;
    return answer_finish(self) < 0 ? NULL : Py_NewRef(args[0]);
}
