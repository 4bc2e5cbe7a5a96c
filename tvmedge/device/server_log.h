// One-line messages on stderr and the exit codes that scripts rely on.
#ifndef TVMEDGE_SERVER_LOG_H_
#define TVMEDGE_SERVER_LOG_H_

// Above these, 128 + N means: signal N ended the session or stopped the server.
enum ServerExit {
  kExitOk = 0,
  kExitUsage = 2,    // a bad option or address
  kExitSession = 4,  // the connection or the protocol failed
  kExitSetup = 6,    // no work directory, no port, or a broken runtime library
};

// Writes "tvmedge-server: <message>\n" to stderr in one call.
__attribute__((format(printf, 1, 2))) void server_log(const char *format, ...);

#endif  // TVMEDGE_SERVER_LOG_H_
