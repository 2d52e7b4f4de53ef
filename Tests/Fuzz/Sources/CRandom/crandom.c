#define OPENSSL_SUPPRESS_DEPRECATED
#include "crandom.h"
#include <openssl/rand.h>
#include <stdint.h>

static uint64_t state;

// SplitMix64.
static int bytes(unsigned char *buffer, int count) {
  for (int i = 0; i < count; i++) {
    uint64_t z = (state += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    buffer[i] = (unsigned char)(z ^ (z >> 31));
  }
  return 1;
}

static int status(void) { return 1; }

static const RAND_METHOD method = {.bytes = bytes, .pseudorand = bytes, .status = status};

void crandom_begin(void) {
  state = 1;
  RAND_set_rand_method(&method);
}
