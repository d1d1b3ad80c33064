// SPDX-License-Identifier: GPL-2.0
/*
 * What a client writes to a stream: frames that are in order, but for the odd
 * name or value.
 */
#include <string.h>

#include "calls.h"

static size_t put(u8 *to, size_t room, u8 op, u8 flags, const u8 *topic,
		  size_t topic_len, const void *body, size_t len)
{
	size_t size = BLIPMQ_FRAME_HEADER + topic_len + len;

	if (size > room)
		return 0;
	blipmq_frame_encode(to, op, flags, (u8)topic_len, (u32)len);
	to += BLIPMQ_FRAME_HEADER;
	memcpy(to, topic, topic_len);
	memcpy(to + topic_len, body, len);
	return size;
}

static size_t put_pub(struct calls_thread *t, u8 *to, size_t room, u8 flags)
{
	size_t payload = calls_len(t), head, len;
	u8 topic[256];

	len = calls_topic(t, topic);
	head = BLIPMQ_FRAME_HEADER + len + BLIPMQ_FRAME_PUB_FIXED;
	if (head + payload > room)
		return 0;
	blipmq_frame_encode(to, BLIPMQ_OP_PUB, flags, (u8)len,
			    (u32)(BLIPMQ_FRAME_PUB_FIXED + payload));
	memcpy(to + BLIPMQ_FRAME_HEADER, topic, len);
	blipmq_put_le64(to + head - BLIPMQ_FRAME_PUB_FIXED,
			payload % 4 ? 0 : calls_u8(t));
	memset(to + head, 'p', payload);
	return head + payload;
}

static size_t put_option(struct calls_thread *t, u8 *to, size_t room)
{
	u8 body[6];

	blipmq_put_le16(body, (u16)(calls_u8(t) % 10));
	/* Small ones: policies, short queues, short lives. */
	blipmq_put_le32(body + 2, calls_u8(t) % 7 ? calls_u8(t) % 8 :
			calls_u8(t));
	return put(to, room, BLIPMQ_OP_OPTION, BLIPMQ_FLAG_CONFIRM, NULL, 0,
		   body, sizeof(body));
}

static size_t put_frame(struct calls_thread *t, u8 *to, size_t room)
{
	static const u8 zeros[64];
	u8 choice = calls_u8(t), topic[256];
	size_t len;

	if (choice < 125)
		return put_pub(t, to, room, 0);
	if (choice < 140)
		return put_pub(t, to, room, BLIPMQ_FLAG_RETAIN);
	if (choice < 160)
		return put_pub(t, to, room, BLIPMQ_FLAG_CONFIRM);
	if (choice < 200) {
		len = calls_pattern(t, topic);
		if (choice & 8)
			return put(to, room, choice & 3 ? BLIPMQ_OP_SUB :
				   BLIPMQ_OP_UNSUB, choice >> 2 & 1, topic, len,
				   "\1g", 2);
		return put(to, room, choice & 3 ? BLIPMQ_OP_SUB :
			   BLIPMQ_OP_UNSUB, choice >> 2 & 1, topic, len, zeros,
			   choice == 199);
	}
	if (choice < 225)
		return put(to, room, BLIPMQ_OP_PING, 0, NULL, 0, zeros,
			   choice % 65);
	if (choice < 240)
		return put_option(t, to, room);
	if (choice < 244)
		return put(to, room, BLIPMQ_OP_PONG, 0, NULL, 0, zeros, 8);
	if (choice < 248)
		return put(to, room, BLIPMQ_OP_AUTH, 1, NULL, 0, zeros, 9);
	if (choice < 250)
		return put(to, room, BLIPMQ_OP_QUIT, 0, NULL, 0, zeros, 0);
	return put_pub(t, to, room, choice & 15);
}

/* Returns the bytes of one frame, of some, or of more than a bundle holds. */
size_t calls_frames(struct calls_thread *t, u8 *to, size_t room)
{
	u8 choice = calls_u8(t);
	unsigned int n = choice < 240 ? 1 + choice % 12 : 100;
	size_t len = 0;

	while (n--)
		len += put_frame(t, to + len, room - len);
	return len;
}
