/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of 'blipmqctl topic' share.
 */
#ifndef _BLIPMQCTL_TOPIC_H
#define _BLIPMQCTL_TOPIC_H

#include "ctl.h"

int topic_set(int argc, char **argv);
int topic_delete(int argc, char **argv);

#endif /* _BLIPMQCTL_TOPIC_H */
