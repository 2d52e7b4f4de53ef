// Random numbers of OpenSSL that are the same in each run: an input that was found once is found again.
#pragma once

/// Begins them anew, for the whole process.
void crandom_begin(void);
