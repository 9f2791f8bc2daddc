/* give_back.h - memory that was freed goes back to the system, where the C library keeps it for itself. Any thread. */
#ifndef SERVER_GIVE_BACK_H
#define SERVER_GIVE_BACK_H

/* At the start: from now on large blocks, a network's weights and feature maps, go back when they are freed. */
void give_back_large(void);

/* What else is free. Takes milliseconds. */
void give_back_free(void);

#endif
