/* occlusion.h - how much a class's share falls when a part of the picture is covered. Private to see/. */
#ifndef ENGINE_SEE_OCCLUSION_H
#define ENGINE_SEE_OCCLUSION_H
#include "engine/see/heat.h"

/* The picture's longer side is this many cells, a patch two by two of them, moved on by one: a patch is a seventh of
 * the side, as large as the parts by which one tells things, and 169 of them cover a square picture. There are fewer cells,
 * but not fewer than the second number, where the patches' runs would come to more multiplications than the third,
 * so that it takes seconds. */
#define OCCLUSION_CELLS        14
#define OCCLUSION_FEWEST_CELLS 8
#define OCCLUSION_MACS         3e11

/* scores[classes] are the whole picture's, cls is among them. Patches have the picture's mean colour. A cell gets the
 * mean of the falls of all patches over it. Errors beside the run's: CNN_NO_MEMORY, and CNN_BAD_ARG when on_progress
 * has said to stop. */
enum cnn_status occlusion_map(struct cnn_model *model, struct cnn_session *session,
                              const struct image *picture, const struct heat_options *options,
                              const float *scores, uint32_t cls, struct heat *out,
                              struct cnn_error *err);

#endif
