-- SPDX-License-Identifier: GPL-2.0
-- The wire protocol of BlipMQ for Wireshark and tshark, as docs/PROTOCOL.md has
-- it. Put it into the folder of personal Lua plugins, or
--	tshark -X lua_script:blipmq.lua -d tcp.port==9999,blipmq

local blipmq = Proto("blipmq", "BlipMQ")

local ops = {
	[1] = "PUB", [2] = "SUB", [3] = "UNSUB", [4] = "QUIT", [5] = "ACK",
	[6] = "MSG", [7] = "PING", [8] = "PONG", [9] = "ERR", [10] = "AUTH",
	[11] = "LOST", [12] = "OPTION",
}
local codes = {
	[400] = "malformed", [401] = "authentication", [403] = "not allowed",
	[404] = "not subscribed", [413] = "too large", [422] = "invalid",
	[429] = "limit reached", [501] = "not built", [503] = "draining",
}
local options = {
	[4] = "queue messages", [5] = "queue bytes", [6] = "overflow",
	[7] = "ttl",
}
local HEADER = 8
-- What no frame exceeds: a payload of 16 MiB, and what stands before it.
local FRAME_MAX = 16 * 1024 * 1024 + HEADER + 255 + 8

local f = {
	size = ProtoField.uint32("blipmq.size", "Frame size"),
	op = ProtoField.uint8("blipmq.op", "Operation", base.DEC, ops, 0xf0),
	confirm = ProtoField.bool("blipmq.confirm", "Confirm", 8, nil, 0x01),
	retain = ProtoField.bool("blipmq.retain", "Retain", 8, nil, 0x02),
	acked = ProtoField.bool("blipmq.acked", "Acked", 8, nil, 0x04),
	again = ProtoField.bool("blipmq.redelivered", "Redelivered", 8, nil, 0x08),
	topic_len = ProtoField.uint8("blipmq.topic_len", "Topic length"),
	reserved = ProtoField.uint16("blipmq.reserved", "Reserved"),
	topic = ProtoField.string("blipmq.topic", "Topic", base.UNICODE),
	ttl = ProtoField.uint32("blipmq.ttl", "Time to live (ms)"),
	tag = ProtoField.uint32("blipmq.tag", "Tag"),
	id = ProtoField.uint64("blipmq.id", "Message id", base.HEX),
	payload = ProtoField.bytes("blipmq.payload", "Payload"),
	group = ProtoField.string("blipmq.group", "Queue group", base.UNICODE),
	code = ProtoField.uint16("blipmq.code", "Code", base.DEC, codes),
	text = ProtoField.string("blipmq.text", "Text", base.UNICODE),
	lost = ProtoField.uint64("blipmq.lost", "Messages lost"),
	option = ProtoField.uint16("blipmq.option", "Option", base.DEC, options),
	value = ProtoField.uint32("blipmq.value", "Value"),
	token = ProtoField.bytes("blipmq.token", "Token"),
}
blipmq.fields = f

local malformed = ProtoExpert.new("blipmq.malformed", "Malformed frame",
	expert.group.MALFORMED, expert.severity.ERROR)
blipmq.experts = { malformed }

local function rest(tree, field, body, at)
	if body:len() > at then
		tree:add(field, body(at))
	end
end

-- What stands behind the topic, by operation.
local bodies = {
	PUB = function(tree, body)
		tree:add_le(f.ttl, body(0, 4))
		tree:add_le(f.tag, body(4, 4))
		rest(tree, f.payload, body, 8)
	end,
	MSG = function(tree, body)
		tree:add_le(f.id, body(0, 8))
		rest(tree, f.payload, body, 8)
	end,
	SUB = function(tree, body)
		rest(tree, f.group, body, 1)
	end,
	ACK = function(tree, body)
		tree:add_le(f.tag, body(0, 4))
	end,
	ERR = function(tree, body)
		tree:add_le(f.tag, body(0, 4))
		tree:add_le(f.code, body(4, 2))
		rest(tree, f.text, body, 6)
	end,
	LOST = function(tree, body)
		tree:add_le(f.lost, body(0, 8))
	end,
	OPTION = function(tree, body)
		tree:add_le(f.option, body(0, 2))
		if body:len() == 6 then
			tree:add_le(f.value, body(2, 4))
		end
	end,
	PING = function(tree, body)
		rest(tree, f.payload, body, 0)
	end,
	AUTH = function(tree, body)
		rest(tree, f.token, body, 0)
	end,
}
bodies.UNSUB = bodies.SUB
bodies.PONG = bodies.PING

-- Bytes that the body of an operation has at least.
local fixed = { PUB = 8, MSG = 8, ACK = 4, ERR = 6, LOST = 8, OPTION = 2 }

local function frame(tvb, pinfo, root)
	local size, topic_len = tvb(0, 4):le_uint(), tvb(5, 1):uint()
	local op = ops[bit.rshift(tvb(4, 1):uint(), 4)]
	local tree = root:add(blipmq, tvb(), "BlipMQ " .. (op or "frame"))
	local info = op or "?"

	tree:add_le(f.size, tvb(0, 4))
	tree:add(f.op, tvb(4, 1))
	tree:add(f.confirm, tvb(4, 1))
	tree:add(f.retain, tvb(4, 1))
	tree:add(f.acked, tvb(4, 1))
	tree:add(f.again, tvb(4, 1))
	tree:add(f.topic_len, tvb(5, 1))
	tree:add_le(f.reserved, tvb(6, 2))
	if not op or size < HEADER + topic_len + (fixed[op] or 0) or
	   tvb(6, 2):le_uint() ~= 0 then
		tree:add_proto_expert_info(malformed)
	else
		if topic_len > 0 then
			tree:add(f.topic, tvb(HEADER, topic_len))
			info = info .. " " .. tvb(HEADER, topic_len):string()
		end
		if bodies[op] and size > HEADER + topic_len then
			bodies[op](tree, tvb(HEADER + topic_len):tvb())
		end
	end
	pinfo.cols.info:append((tostring(pinfo.cols.info) ~= "" and ", " or "") .. info)
	return size
end

local function frame_length(tvb, pinfo, offset)
	local size = tvb(offset, 4):le_uint()

	-- Of a stream that cannot be trusted, the header is shown.
	if size < HEADER or size > FRAME_MAX then
		return HEADER
	end
	return size
end

function blipmq.dissector(tvb, pinfo, root)
	pinfo.cols.protocol = "BlipMQ"
	pinfo.cols.info = ""
	dissect_tcp_pdus(tvb, root, HEADER, frame_length, frame)
	return tvb:len()
end

DissectorTable.get("tcp.port"):add(9999, blipmq)
