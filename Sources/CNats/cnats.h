// libnats as Swift can call it.
#pragma once
#include <nats/nats.h>
