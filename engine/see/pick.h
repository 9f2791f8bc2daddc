/* pick.h - what is chosen of a layer. Private to see/. */
#ifndef ENGINE_SEE_PICK_H
#define ENGINE_SEE_PICK_H
#include "engine/see.h"

/* Has the layer, of which `what` ("channel") there are n, all that the choice lists? */
enum cnn_status pick_check(const char *layer, const char *what, size_t n,
                           const struct see_choice *choice, struct cnn_error *err);

/* picked->stats are there, for its channels, height and width: makes the list of channels and room for their maps. */
enum cnn_status pick_room(const char *layer, const char *what, const struct see_choice *choice,
                          struct see_picked *picked, struct cnn_error *err);

#endif
