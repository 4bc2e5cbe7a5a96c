// How long each function takes that TVM's VM calls.
#ifndef TVMEDGE_SERVER_TIMES_H_
#define TVMEDGE_SERVER_TIMES_H_

// Registers for the VM's set_instrument, by name:
//   tvmedge.server.timer(device_type)   a function that hears of every call, and waits for the
//                                       device after each
//   tvmedge.server.times()              what it heard since it was last asked, in the order of the
//                                       calls' ends: ms:f64, bytes:u16, the name; a call's time is
//                                       without that of calls inside it
//   tvmedge.server.peak_kib()           the most memory of this process that was ever resident
int times_register(void);

#endif  // TVMEDGE_SERVER_TIMES_H_
