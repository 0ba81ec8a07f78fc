#include "core.h"

#define STEPS_METHODS

static int
steps_setup(PyObject *module)
{
    return 0;
}
