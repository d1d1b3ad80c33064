/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How messages are written to standard output.
 */
#ifndef _BLIPMQ_FORMAT_H
#define _BLIPMQ_FORMAT_H

struct blipmq_message;

/**
 * struct format - a way to write messages
 * @name: for --format
 * @write: writes one to standard output
 * @tells_loss: losses stand in the output, so nobody else need tell
 */
struct format {
	const char	*name;
	void		(*write)(const struct blipmq_message *message);
	bool		tells_loss;
};

const struct format *format_find(const char *name);

#endif /* _BLIPMQ_FORMAT_H */
