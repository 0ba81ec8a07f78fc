#include "core.h"

#define HANDOVER_METHODS

static int
handover_setup(PyObject *module)
{
    return 0;
}
