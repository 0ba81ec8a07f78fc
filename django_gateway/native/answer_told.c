/* What start_response and each piece of the body leave in the trail. A part of answer.c. */

/* Types whose ``note`` is Recording's own, by the version that the interpreter gives each state of a type; and the room
   that was looked at last. */
static PyTypeObject *assured_type;
static unsigned int assured_version;
static PyObject *assured_room;
static Py_ssize_t assured_length;

static int
answer_notes_as_python(PyTypeObject *type)
{
    if (type == assured_type && type->tp_version_tag == assured_version)
        return 1;
    PyObject *note = PyObject_GetAttr((PyObject *)type, answer_name.note);
    int is = note == answer_python_note && type->tp_version_tag != 0;
    Py_XDECREF(note);
    PyErr_Clear();
    if (is) {
        assured_type = type;
        assured_version = type->tp_version_tag;
    }
    return is;
}

/* Below what length of its trail this file may add to it: 0 where Recording.note has to, as of what overrides it. */
static Py_ssize_t
answer_assured(Answer *self)
{
    if (self->assured >= 0)
        return self->assured;
    self->assured = 0;
    if (!answer_notes_as_python(Py_TYPE(self->recording)))
        return 0;
    PyObject *room = PyObject_GetAttr(((Fields *)self->recording)->recorder, answer_name.room);
    if (room != NULL && room != assured_room) {
        PyObject *assured = PyObject_GetAttr(room, answer_name.assured);
        assured_length = assured == NULL ? 0 : PyLong_AsSsize_t(assured);
        Py_XDECREF(assured);
        Py_XSETREF(assured_room, Py_NewRef(room));
    }
    if (room != NULL && assured_length > 0)
        self->assured = assured_length;
    Py_XDECREF(room);
    PyErr_Clear();
    return self->assured;
}

/* A piece of the body goes to the server; -1 where what is raised is for the one outside. */
static int
answer_note(Answer *self, const struct AnswerEvent *event, PyObject *piece)
{
    Fields *recording = (Fields *)self->recording;
    Py_ssize_t size = PyBytes_CheckExact(piece) ? PyBytes_GET_SIZE(piece) : PyObject_Size(piece);
    if (size < 0)
        return answer_survived() ? 0 : -1;
    recording->chunks++;
    recording->bytes_out += size;
    int64_t at = core_now();
    if (PyList_CheckExact(recording->trail) && PyList_GET_SIZE(recording->trail) < answer_assured(self)) {
        core_reach(recording, event->word, event->mark, at);
        core_append(recording, PyLong_FromSsize_t(size));
    }
    else {
        PyObject *told = Py_BuildValue("(OLn)", event->word, (long long)at, size);
        PyObject *noted = told == NULL ? NULL : PyObject_CallMethodOneArg(self->recording, answer_name.note, told);
        Py_XDECREF(told);
        if (noted == NULL)
            return answer_survived() ? 0 : -1;
        Py_DECREF(noted);
    }
    uint64_t *slot = core_slot(recording);
    if (slot != NULL) {
        slot[BOX_PIECE] = (uint64_t)size;
        slot[BOX_CHUNKS] = (uint64_t)recording->chunks;
        slot[BOX_BYTES] = (uint64_t)recording->bytes_out;
    }
    return 0;
}

/* The headers of the last answer, by their places: what is the same in the next one is not looked up again. */
#define PLACES 24
static struct Told {
    PyObject *name, *value, *entry;
} told_headers[PLACES];
static PyObject *told_table;

static inline int
answer_same_text(PyObject *one, PyObject *other)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(one);
    return one == other || (length == PyUnicode_GET_LENGTH(other) && PyUnicode_KIND(one) == PyUnicode_KIND(other) &&
                            memcmp(PyUnicode_DATA(one), PyUnicode_DATA(other), length * PyUnicode_KIND(one)) == 0);
}

/* The number of a header that the redactor knows; NULL, also without an exception, where it does not. */
static PyObject *
answer_known_header(PyObject *pair, Py_ssize_t place)
{
    if (!PyTuple_CheckExact(pair) || PyTuple_GET_SIZE(pair) != 2)
        return NULL;
    PyObject *name = PyTuple_GET_ITEM(pair, 0), *value = PyTuple_GET_ITEM(pair, 1);
    if (!PyUnicode_CheckExact(name) || !PyUnicode_CheckExact(value))
        return NULL;
    struct Told *last = place < PLACES ? &told_headers[place] : NULL;
    if (last != NULL && last->name != NULL && answer_same_text(name, last->name) &&
        answer_same_text(value, last->value))
        return Py_NewRef(last->entry);
    PyObject *entry = PyDict_GetItemWithError(told_table, pair);
    if (entry != NULL && last != NULL) {
        Py_XSETREF(last->name, Py_NewRef(name));
        Py_XSETREF(last->value, Py_NewRef(value));
        Py_XSETREF(last->entry, Py_NewRef(entry));
    }
    return Py_XNewRef(entry);
}

static PyObject *
answer_known_headers(PyObject *table, PyObject *headers)
{
    Py_ssize_t count = PyList_GET_SIZE(headers);
    if (table != told_table) {
        if (!PyDict_CheckExact(table))
            return NULL;
        for (int i = 0; i < PLACES; i++) {
            Py_CLEAR(told_headers[i].name);
            Py_CLEAR(told_headers[i].value);
            Py_CLEAR(told_headers[i].entry);
        }
        Py_XSETREF(told_table, Py_NewRef(table));
    }
    PyObject *entries = PyList_New(count);
    for (Py_ssize_t i = 0; entries != NULL && i < count; i++) {
        PyObject *known = answer_known_header(PyList_GET_ITEM(headers, i), i);
        if (known == NULL)
            Py_CLEAR(entries);
        else
            PyList_SET_ITEM(entries, i, known);
    }
    return entries;
}

static PyObject *
answer_headers(Fields *recording, PyObject *headers)
{
    PyObject *entries = NULL, *redactor = PyObject_GetAttr(recording->recorder, answer_name.redactor);
    if (redactor == NULL)
        return NULL;
    if (PyList_CheckExact(headers)) {
        PyObject *table = PyObject_GetAttr(redactor, answer_name.table);
        if (table != NULL)
            entries = answer_known_headers(table, headers);
        Py_XDECREF(table);
    }
    if (entries == NULL) {
        PyErr_Clear();
        entries = PyObject_CallMethodOneArg(redactor, answer_name.headers, headers);
    }
    Py_DECREF(redactor);
    return entries;
}

/* int(told[:3]) where that is a number, else -1. */
static int
answer_code(PyObject *told)
{
    int code = -1;
    for (Py_ssize_t i = 0; i < 3 && i < PyUnicode_GET_LENGTH(told); i++) {
        int digit = Py_UNICODE_TODECIMAL(PyUnicode_READ_CHAR(told, i));
        if (digit < 0)
            return -1;
        code = (code < 0 ? 0 : code * 10) + digit;
    }
    return code;
}

static int
answer_told(Fields *recording, PyObject *status, PyObject *headers, int again)
{
    PyObject *told;
    if (PyUnicode_CheckExact(status) && PyUnicode_IS_ASCII(status) && PyUnicode_GET_LENGTH(status) <= STATUS_LONGEST)
        told = Py_NewRef(status);
    else {
        PyObject *tell = answer_global(answer_name.told);
        told = tell == NULL ? NULL : PyObject_CallOneArg(tell, status);
        if (told == NULL)
            return -1;
    }
    core_reach(recording, started_event.word, started_event.mark, core_now());
    core_append(recording, Py_NewRef(told));
    core_append(recording, PyBool_FromLong(again));
    PyObject *entries = answer_headers(recording, headers);
    if (entries != NULL) {
        int code = PyUnicode_Check(told) ? answer_code(told) : -1;
        core_set(&recording->headers, entries);
        core_set(&recording->status, code < 0 ? NULL : PyLong_FromLong(code));
        uint64_t *slot = core_slot(recording);
        if (slot != NULL)
            slot[BOX_STATUS] = code < 0 ? 0 : (uint64_t)code;
    }
    Py_DECREF(told);
    return entries == NULL ? -1 : 0;
}

static PyObject *
answer_write(Answer *self, PyObject *data)
{
    return answer_note(self, &write_event, data) < 0 ? NULL : PyObject_CallOneArg(self->write, data);
}

static PyMethodDef answer_write_method = {"write", (PyCFunction)answer_write, METH_O, NULL};

static PyObject *
answer_start_response(Answer *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords)
{
    static const char *const names[] = {"status", "headers", "exc_info"};
    PyObject *given[3] = {NULL, NULL, NULL};
    Py_ssize_t named = keywords == NULL ? 0 : PyTuple_GET_SIZE(keywords);
    int fits = count + named <= 3;
    for (Py_ssize_t i = 0; fits && i < count; i++)
        given[i] = args[i];
    for (Py_ssize_t i = 0; fits && i < named; i++) {
        int at = 0;
        while (at < 3 && PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(keywords, i), names[at]) != 0)
            at++;
        fits = at < 3 && given[at] == NULL;
        if (fits)
            given[at] = args[count + i];
    }
    if (!fits || given[0] == NULL || given[1] == NULL) {
        PyErr_SetString(PyExc_TypeError, "start_response() takes status, headers and exc_info=None");
        return NULL;
    }
    int again = given[2] != NULL && given[2] != Py_None;
    Fields *recording = (Fields *)self->recording;
    PyObject *status = Py_NewRef(recording->status), *headers = Py_NewRef(recording->headers), *write = NULL;
    /* Servers may add to the very list they are given, so it is read before they have it. */
    if (answer_told(recording, given[0], given[1], again) == 0 || answer_survived())
        write = PyObject_Vectorcall(self->server, given, again ? 3 : 2, NULL);
    if (write == NULL) {
        /* Called twice, or too late: what the server has is what it was given first. */
        core_set(&recording->status, status);
        core_set(&recording->headers, headers);
        return NULL;
    }
    Py_DECREF(status);
    Py_DECREF(headers);
    core_set(&self->write, write);
    return PyCFunction_New(&answer_write_method, (PyObject *)self);
}

static PyMethodDef answer_start_method = {"start_response", (PyCFunction)(void (*)(void))answer_start_response,
                                          METH_FASTCALL | METH_KEYWORDS, NULL};
