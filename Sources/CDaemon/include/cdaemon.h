#ifndef CDAEMON_H
#define CDAEMON_H

#include <stdint.h>

/// The signals that are held from before the first constructor on, as the kernel has a set of them: bit 0 is signal 1. Whoever is to take them
/// unblocks them.
uint64_t cdaemon_held_signals(void);

#endif
