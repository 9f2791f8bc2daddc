/* layout.h - how many tiles stand beside each other, and how large. Private to see/. */
#ifndef ENGINE_SEE_LAYOUT_H
#define ENGINE_SEE_LAYOUT_H
#include "engine/see_picture.h"

/* n tiles of height x width numbers; look->columns is what they must have, when it is not 0. */
void layout_choose(size_t n, size_t height, size_t width, int32_t gap, const struct see_look *look,
                   struct see_layout *out);
/* The picture's sides. */
int32_t layout_width(const struct see_layout *layout);
int32_t layout_height(const struct see_layout *layout);

#endif
