/* Routes and views that were seen before. A part of methods.c. */

#include "core.h"

/* Routes as they were told last: by the view they lead to. */
typedef struct {
    PyObject *func, *route, *match, *word;
    Py_ssize_t tried;
} Route;

#define ROUTES 128
static Route routes[ROUTES];

/* Views and their spans, by the view. */
typedef struct {
    PyObject *view, *span;
} View;

static View views[ROUTES];

static inline size_t
place_of(PyObject *object)
{
    return ((uintptr_t)object >> 4 ^ (uintptr_t)object >> 11) % ROUTES;
}

/* route(func, route, tried, match, word): what to tell of a match of that view without arguments. */
static PyObject *
methods_route(PyObject *module, PyObject *args)
{
    Route told;
    if (!PyArg_ParseTuple(args, "OUnOO", &told.func, &told.route, &told.tried, &told.match, &told.word))
        return NULL;
    Route *place = &routes[place_of(told.func)], before = *place;
    Py_INCREF(told.func);
    Py_INCREF(told.route);
    Py_INCREF(told.match);
    Py_INCREF(told.word);
    *place = told;
    Py_XDECREF(before.func);
    Py_XDECREF(before.route);
    Py_XDECREF(before.match);
    Py_XDECREF(before.word);
    Py_RETURN_NONE;
}

/* view(view, span): how a view is called that nothing else is around. */
static PyObject *
methods_view(PyObject *module, PyObject *args)
{
    View told;
    if (!PyArg_ParseTuple(args, "OO", &told.view, &told.span))
        return NULL;
    View *place = &views[place_of(told.view)], before = *place;
    Py_INCREF(told.view);
    Py_INCREF(told.span);
    *place = told;
    Py_XDECREF(before.view);
    Py_XDECREF(before.span);
    Py_RETURN_NONE;
}

/* forget(): all routes and views. */
static PyObject *
methods_forget(PyObject *module, PyObject *none)
{
    for (size_t i = 0; i < ROUTES; i++) {
        Route route = routes[i];
        View view = views[i];
        routes[i] = (Route){0};
        views[i] = (View){0};
        Py_XDECREF(route.func);
        Py_XDECREF(route.route);
        Py_XDECREF(route.match);
        Py_XDECREF(route.word);
        Py_XDECREF(view.view);
        Py_XDECREF(view.span);
    }
    Py_RETURN_NONE;
}
