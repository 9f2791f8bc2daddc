#include "engine/base/version.h"

/* From the Makefile, which builds this file alone anew when it changes. */
const char convd_version[] = CONVD_VERSION;
