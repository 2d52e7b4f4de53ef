// libsystemd as Swift can call it. Its variadic functions cannot be imported; the ones used here are not variadic.
#pragma once
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>
