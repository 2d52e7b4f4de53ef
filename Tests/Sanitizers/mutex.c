// Tells ThreadSanitizer about Swift's Mutex. Loaded before the program by `make tsan`; nothing else uses it.
//
// The fast paths of Mutex are compiled into our code, where the sanitizer sees them. When threads meet, the slow paths of
// libswiftSynchronization take over: it is not instrumented and hands the lock over in the kernel, so that what the lock protects would
// be reported as a race. Here the slow paths say which thread comes after which. If a later Swift names them otherwise, the false
// reports are back: nothing is hidden.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>

#define SLOW_LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define SLOW_UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

// Weak: the programs between make and the tests are not instrumented.
void __tsan_acquire(void *) __attribute__((weak));
void __tsan_release(void *) __attribute__((weak));

// The handle is the lock's word itself, and comes in the register of Swift's self.
#define SELF __attribute__((swift_context)) void *self
typedef __attribute__((swiftcall)) void (*lock_function)(uint32_t, SELF);
typedef __attribute__((swiftcall)) void (*unlock_function)(SELF);

__attribute__((swiftcall)) void slow_lock(uint32_t thread, SELF) __asm__(SLOW_LOCK);
__attribute__((swiftcall)) void slow_lock(uint32_t thread, SELF) {
  ((lock_function)dlsym(RTLD_NEXT, SLOW_LOCK))(thread, self);
  if (__tsan_acquire) __tsan_acquire(self);
}

__attribute__((swiftcall)) void slow_unlock(SELF) __asm__(SLOW_UNLOCK);
__attribute__((swiftcall)) void slow_unlock(SELF) {
  if (__tsan_release) __tsan_release(self);
  ((unlock_function)dlsym(RTLD_NEXT, SLOW_UNLOCK))(self);
}
