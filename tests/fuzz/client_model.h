/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a program should have got, read from the broker's bytes once more.
 */
#ifndef _BLIPMQ_TESTS_FUZZ_CLIENT_MODEL_H
#define _BLIPMQ_TESTS_FUZZ_CLIENT_MODEL_H

#include "../../userlib/blipmq.h"
#include "client_seam.h"

void model_begin(bool keeps_all);
void model_message(const struct blipmq_message *m);
void model_same(const struct blipmq_message *m);
void model_confirmed(bool pub);
void model_taken(void);
void model_sent(void);
void model_end(void);

#endif /* _BLIPMQ_TESTS_FUZZ_CLIENT_MODEL_H */
