// System calls that a session's program cannot have.
#pragma once

// From now on, for this process and all that it starts: no memory that belongs to no process, and
// would be nobody's to count (memfd_create, System V's shared memory, queues and semaphores). Asking
// for it says ENOSYS. -1 where the kernel has no filters.
int calls_deny(void);
