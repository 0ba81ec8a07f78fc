#include "core.h"

#define SPANS_METHODS

static int
spans_setup(PyObject *module)
{
    return 0;
}
