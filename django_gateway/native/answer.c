#include "core.h"

#define ANSWER_METHODS

static int
answer_setup(PyObject *module)
{
    return 0;
}
