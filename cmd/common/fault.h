/* A store's file that grows shorter while it is read, or that the disk cannot give: an end with a message instead of a signal. */
#ifndef EVS_CMD_FAULT_H
#define EVS_CMD_FAULT_H

/* From now on SIGBUS in a file's memory ends the process with STATUS_DAMAGED; anywhere else it is what it was. */
void fault_begin(void);

#endif
