#include "core.h"

#define PACKING_METHODS

static int
packing_setup(PyObject *module)
{
    return 0;
}
