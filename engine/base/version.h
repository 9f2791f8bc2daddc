/* version.h - the program's version: "0.1.0", or between releases "0.1.0+12.g588564f", commits and the last one. */
#ifndef ENGINE_BASE_VERSION_H
#define ENGINE_BASE_VERSION_H

extern const char convd_version[];

#endif
