// Tensors' content past the runtime's protocol, which moves it a byte at a time.
#pragma once

#include "server_channel.h"

// Registers tvmedge.server.take and tvmedge.server.give, (tensor, offset, bytes): once that has
// returned, the client sends or is sent a packet of so many bytes, of the tensor's content from
// `offset` on. Returns -1 after logging why not.
int tensors_register(Channel *channel);
