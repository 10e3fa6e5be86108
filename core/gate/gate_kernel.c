/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * gate_kernel: the filter that the kernel runs for each datagram before it puts it into a socket (SO_ATTACH_BPF), and the table it reads, a BPF map that processes may map.
 * Written as instructions: they are some eighty, need no compiler for another machine, and go by system calls whose form never changes. Called by the warden.
 *
 * The filter gets the datagram at its UDP header. Its answer is how much of it to keep: nothing, or all.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/rand.h"
#include "gate/gate_priv.h"

#define ELEMENT  sizeof(struct gate_place)
#define ELEMENTS (sizeof(struct gate_table) / ELEMENT)

static struct {
	int map; /* negative: there is no gate */
	uint64_t secret;
} made = {.map = -1};

#define TRIES 5

/* A signal that comes while the kernel looks a filter through ends that with EAGAIN. */
static int bpf(int command, union bpf_attr *attr, unsigned size)
{
	long n = -1;

	errno = EAGAIN;
	for (unsigned i = 0; n < 0 && errno == EAGAIN && i < TRIES; i++)
		n = syscall(SYS_bpf, command, attr, size);
	return n < 0 ? -errno : (int)n;
}

/* ---- instructions ---- */

enum { R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, FP };

#define INSN(code_, dst, src, off_, imm_)    \
	((struct bpf_insn){.code = (code_),  \
			   .dst_reg = (dst), \
			   .src_reg = (src), \
			   .off = (off_),    \
			   .imm = (imm_)})
#define MOV(dst, src)               INSN(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0)
#define MOV_IMM(dst, imm)           INSN(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, imm)
#define ALU(op, dst, src)           INSN(BPF_ALU64 | (op) | BPF_X, dst, src, 0, 0)
#define ALU_IMM(op, dst, imm)       INSN(BPF_ALU64 | (op) | BPF_K, dst, 0, 0, imm)
#define LOAD(size, dst, src, off)   INSN(BPF_LDX | BPF_MEM | (size), dst, src, off, 0)
#define STORE(size, dst, off, src)  INSN(BPF_STX | BPF_MEM | (size), dst, src, off, 0)
#define ADD_ATOMIC(dst, off, src)   INSN(BPF_STX | BPF_ATOMIC | BPF_DW, dst, src, off, BPF_ADD)
#define JUMP(op, dst, src, off)     INSN(BPF_JMP | (op) | BPF_X, dst, src, off, 0)
#define JUMP_IMM(op, dst, imm, off) INSN(BPF_JMP | (op) | BPF_K, dst, 0, off, imm)
#define CALL(function)              INSN(BPF_JMP | BPF_CALL, 0, 0, 0, function)
#define EXIT()                      INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
/* Two of them make one load of 64 bits. */
#define LOAD64_LOW(dst, src, value) \
	INSN(BPF_LD | BPF_DW | BPF_IMM, dst, src, 0, (int32_t)(uint32_t)(value))
#define LOAD64_HIGH(value) INSN(0, 0, 0, 0, (int32_t)(uint32_t)((uint64_t)(value) >> 32))
#define LOAD64(dst, value) LOAD64_LOW(dst, 0, value), LOAD64_HIGH(value)
#define LOAD_MAP(dst, fd)  LOAD64_LOW(dst, BPF_PSEUDO_MAP_FD, fd), LOAD64_HIGH(0)

/* The stack: the first 24 bytes of the IP header, whose end becomes the second half of the address, and an index. */
#define HEADER    (-24)
#define V4_SOURCE (HEADER + 12)
#define V6_SOURCE (HEADER + 8)
#define SECOND    (-8)
#define INDEX     (-32)
static_assert(V6_SOURCE + 8 == SECOND, "an IPv6 address is in its place");

#define AT(member) offsetof(struct gate_place, member)
#define ALL        0x7fffffff

/* R0: the element whose number is at INDEX; on to `otherwise` when there is none. */
#define ELEMENT_AT_INDEX(otherwise)                                       \
	LOAD_MAP(R1, made.map), MOV(R2, FP), ALU_IMM(BPF_ADD, R2, INDEX), \
		CALL(BPF_FUNC_map_lookup_elem), JUMP_IMM(BPF_JEQ, R0, 0, otherwise)
#define COUNT_AT_INDEX() ELEMENT_AT_INDEX(TO(DROP)), MOV_IMM(R1, 1), ADD_ATOMIC(R0, AT(dropped), R1)

/* Places in the code, and jumps there until resolve() has counted them. A label is an instruction that does nothing. */
enum { OTHER = 1, TIME, KEEP, DROP, LABELS };

#define LABEL(n) INSN(BPF_ALU64 | BPF_MOV | BPF_X, R6, R6, 0, n)
#define TO(n)    (0x7000 + (n))

static bool is_label(const struct bpf_insn *i)
{
	return i->code == (BPF_ALU64 | BPF_MOV | BPF_X) && i->imm > 0;
}

static void resolve(struct bpf_insn *code, unsigned n)
{
	unsigned at[LABELS] = {0};

	for (unsigned i = 0; i < n; i++) {
		if (is_label(&code[i])) {
			at[code[i].imm] = i;
			code[i].imm = 0;
		}
	}
	for (unsigned i = 0; i < n; i++) {
		if (code[i].off > TO(0)) /* counted from the next */
			code[i].off = (int16_t)(at[code[i].off - TO(0)] - (i + 1));
	}
}

/* R9: the place at INDEX; on to `otherwise` when it is of another address. */
#define PLACE_AT_INDEX(otherwise)                                                  \
	ELEMENT_AT_INDEX(TO(KEEP)), MOV(R9, R0), LOAD(BPF_DW, R1, R9, AT(ip[0])),  \
		JUMP(BPF_JNE, R1, R8, otherwise), LOAD(BPF_DW, R1, R9, AT(ip[1])), \
		LOAD(BPF_DW, R2, FP, SECOND), JUMP(BPF_JNE, R1, R2, otherwise),    \
		LOAD(BPF_W, R1, R9, AT(key)), JUMP(BPF_JNE, R1, R7, otherwise)

static int load_filter(uint16_t listener, unsigned worker)
{
	const uint32_t counter = GATE_WHYS + GATE_SOURCES + gate_socket_of(listener, worker);
	struct bpf_insn code[] = {
		/* as much of the IP header as the shortest has with the UDP header behind it */
		MOV(R6, R1),
		MOV_IMM(R2, 0),
		MOV(R3, FP),
		ALU_IMM(BPF_ADD, R3, HEADER),
		MOV_IMM(R4, -HEADER),
		MOV_IMM(R5, BPF_HDR_START_NET),
		CALL(BPF_FUNC_skb_load_bytes_relative),
		JUMP_IMM(BPF_JNE, R0, 0, TO(KEEP)),
		/* R7: the key, R8 and SECOND: the address */
		LOAD(BPF_B, R7, FP, HEADER),
		ALU_IMM(BPF_RSH, R7, 4),
		LOAD(BPF_DW, R8, FP, V6_SOURCE),
		JUMP_IMM(BPF_JEQ, R7, 6, 3),
		JUMP_IMM(BPF_JNE, R7, 4, TO(KEEP)),
		LOAD(BPF_W, R8, FP, V4_SOURCE),
		INSN(BPF_ST | BPF_MEM | BPF_DW, FP, 0, SECOND, 0),
		ALU_IMM(BPF_OR, R7, (int32_t)((uint32_t)listener << 8)),
		/* R2: the index of its place, as gate_place_of has it */
		LOAD64(R1, made.secret),
		MOV(R2, R8),
		ALU(BPF_XOR, R2, R1),
		LOAD64(R1, GATE_MIX),
		ALU(BPF_MUL, R2, R1),
		LOAD(BPF_DW, R3, FP, SECOND),
		ALU(BPF_XOR, R2, R3),
		MOV(R3, R2),
		ALU_IMM(BPF_RSH, R3, 32),
		ALU(BPF_XOR, R2, R3),
		ALU(BPF_MUL, R2, R1),
		ALU_IMM(BPF_RSH, R2, GATE_SHIFT),
		ALU_IMM(BPF_ADD, R2, GATE_WHYS),
		STORE(BPF_W, FP, INDEX, R2),
		/* is one of the two of this address, and shut? */
		PLACE_AT_INDEX(TO(OTHER)),
		JUMP_IMM(BPF_JA, 0, 0, TO(TIME)),
		LABEL(OTHER),
		LOAD(BPF_W, R2, FP, INDEX),
		ALU_IMM(BPF_XOR, R2, 1),
		STORE(BPF_W, FP, INDEX, R2),
		PLACE_AT_INDEX(TO(KEEP)),
		LABEL(TIME),
		CALL(BPF_FUNC_ktime_get_boot_ns),
		LOAD(BPF_DW, R1, R9, AT(until_ns)),
		JUMP(BPF_JGE, R0, R1, TO(KEEP)),
		ALU(BPF_SUB, R1, R0),
		LOAD64(R2, GATE_LONGEST_NS),
		JUMP(BPF_JGT, R1, R2, TO(KEEP)),
		/* dropped: counted for the reason, and for the socket */
		LOAD(BPF_W, R1, R9, AT(why)),
		ALU_IMM(BPF_AND, R1, GATE_WHYS - 1),
		STORE(BPF_W, FP, INDEX, R1),
		COUNT_AT_INDEX(),
		INSN(BPF_ST | BPF_MEM | BPF_W, FP, 0, INDEX, (int32_t)counter),
		COUNT_AT_INDEX(),
		JUMP_IMM(BPF_JA, 0, 0, TO(DROP)),
		LABEL(KEEP),
		MOV_IMM(R0, ALL),
		EXIT(),
		LABEL(DROP),
		MOV_IMM(R0, 0),
		EXIT(),
	};
	union bpf_attr attr;

	resolve(code, sizeof(code) / sizeof(code[0]));
	memset(&attr, 0, sizeof(attr)); /* what it has more than we know must be zeros */
	attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	attr.insns = (uintptr_t)code;
	attr.insn_cnt = sizeof(code) / sizeof(code[0]);
	attr.license = (uintptr_t) "GPL"; /* as this program's; the clock asks for it */
	memcpy(attr.prog_name, "margrave_gate", sizeof("margrave_gate"));
	return bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
}

/* ---- the table ---- */

static int make_map(void)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_ARRAY;
	attr.key_size = sizeof(uint32_t);
	attr.value_size = ELEMENT;
	attr.max_entries = ELEMENTS;
	attr.map_flags = BPF_F_MMAPABLE;
	memcpy(attr.map_name, "margrave_gate", sizeof("margrave_gate"));
	return bpf(BPF_MAP_CREATE, &attr, sizeof(attr));
}

int gate_make(uint64_t *secret)
{
	int map = make_map();
	int err = map < 0 ? map : rand_system(&made.secret, sizeof(made.secret));

	if (!err) {
		made.map = map;
		err = load_filter(0, 0);
	}
	if (err >= 0) {
		close(err);
		*secret = made.secret;
		return map;
	}
	made.map = -1;
	if (map >= 0)
		close(map);
	return err;
}

int gate_guard(int fd, uint16_t listener, unsigned worker)
{
	int on = 1, err = 0;

	if (made.map < 0)
		return 0;
	int filter = load_filter(listener, worker);
	if (filter < 0)
		return filter;
	/* locked: the socket outlives the process that could take it off */
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &filter, sizeof(filter)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &on, sizeof(on)) < 0)
		err = -errno;
	close(filter); /* the socket has it */
	return err;
}
