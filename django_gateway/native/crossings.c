#include "core.h"

#define CROSSINGS_METHODS

static int
crossings_setup(PyObject *module)
{
    return 0;
}
