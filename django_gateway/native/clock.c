#include "core.h"

#define CLOCK_METHODS

static int
clock_setup(PyObject *module)
{
    return 0;
}
