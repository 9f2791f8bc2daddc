/* give_back.h - memory that was freed goes back to the system, where the C library keeps it for itself. Any thread. */
#ifndef SERVER_GIVE_BACK_H
#define SERVER_GIVE_BACK_H

/* Takes milliseconds. */
void give_back_free(void);

#endif
