/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Topics: what the files of 'blipmqctl topic' and other commands share.
 */
#ifndef _BLIPMQCTL_TOPIC_H
#define _BLIPMQCTL_TOPIC_H

#include "ctl.h"
#include "list.h"

extern const struct list ctl_topics;

int topic_set(int argc, char **argv);
int topic_delete(int argc, char **argv);

#endif /* _BLIPMQCTL_TOPIC_H */
