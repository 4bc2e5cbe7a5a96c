// Time as the device's own events tell it, or of whole runs by the CPU's clock.
#ifndef TVMEDGE_OPENCL_TIMER_H_
#define TVMEDGE_OPENCL_TIMER_H_

#include "cl.h"

namespace tvmedge::opencl {

// A device number that no device has: the timer's factory fails with `pending_message`.
constexpr int kRaisePending = -1;
const char* pending_message();

// Where a command for device `index` leaves its event: null unless a timer runs there.
cl_event* event_slot(int index);

}  // namespace tvmedge::opencl

#endif  // TVMEDGE_OPENCL_TIMER_H_
