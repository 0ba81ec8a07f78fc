/* The queue of thread-sensitive calls: _Sensitive in instrument/executors.py. */

#include "core.h"

/* When the calls of this thread ended, in a ring: the newest is before ``end``. */

#define EXECUTOR_ENDED 256

static _Thread_local struct {
    unsigned int end, count;
    int64_t at[EXECUTOR_ENDED];
} executor_ended;

static Py_ssize_t
sensitive_begins(int64_t handed)
{
    unsigned int count = 0;
    while (count < executor_ended.count &&
           executor_ended.at[(executor_ended.end - 1 - count) % EXECUTOR_ENDED] > handed)
        count++;
    return count;
}

static void
sensitive_ends(int64_t began, int64_t instant)
{
    while (began && executor_ended.count && executor_ended.at[(executor_ended.end - 1) % EXECUTOR_ENDED] > began) {
        executor_ended.end--;
        executor_ended.count--;
    }
    executor_ended.at[executor_ended.end++ % EXECUTOR_ENDED] = instant;
    if (executor_ended.count < EXECUTOR_ENDED)
        executor_ended.count++;
}
