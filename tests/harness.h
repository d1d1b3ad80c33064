/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's test harness, looked up in its source when tests are built. Its
 * guard against hangs is for machines that are not emulated, and not busy.
 */
#ifndef TESTS_HARNESS_H
#define TESTS_HARNESS_H

#include <kselftest_harness.h>

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	300

#endif /* TESTS_HARNESS_H */
