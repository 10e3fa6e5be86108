/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * elf: reads one number out of a shared object without loading it: the ABI version at the front of its descriptor. So a module of another
 * version is refused before its constructors run and before its missing functions are looked for. Called by open.c.
 */
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdlib.h>
#include <unistd.h>

#include "chain/chain_priv.h"

#define SECTIONS_MAX 4096
#define SEGMENTS_MAX 256
#define TABLE_MAX    (16U << 20) /* bytes of a table of symbols or names */

/* The head of this program, as the linker calls it: what machine, class and byte order a module must be for. */
/* NOLINTNEXTLINE(bugprone-reserved-identifier) */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

struct elf {
	int fd;
	ElfW(Ehdr) head;
	const char *why;
};

static bool no(struct elf *elf, const char *why)
{
	elf->why = why;
	return false;
}

/* Bytes of the file at `off`; in a piece of memory that the caller frees. NULL on failure. */
static void *piece(struct elf *elf, uint64_t off, uint64_t n)
{
	char *p = n > 0 && n <= TABLE_MAX && off <= INT64_MAX - n ? malloc(n) : NULL;

	if (p && pread(elf->fd, p, n, (off_t)off) == (ssize_t)n)
		return p;
	free(p);
	no(elf, "it is cut short or damaged");
	return NULL;
}

static bool read_head(struct elf *elf)
{
	const ElfW(Ehdr) *own = &__ehdr_start;
	ElfW(Ehdr) *head = &elf->head;

	if (pread(elf->fd, head, sizeof(*head), 0) != (ssize_t)sizeof(*head) ||
	    memcmp(head->e_ident, ELFMAG, SELFMAG) != 0)
		return no(elf, "it is no shared object");
	if (head->e_ident[EI_CLASS] != own->e_ident[EI_CLASS] ||
	    head->e_ident[EI_DATA] != own->e_ident[EI_DATA] || head->e_machine != own->e_machine)
		return no(elf, "it is for another machine");
	if (head->e_type != ET_DYN)
		return no(elf, "it is no shared object");
	if (head->e_shentsize != sizeof(ElfW(Shdr)) || head->e_shnum == 0 ||
	    head->e_shnum > SECTIONS_MAX || head->e_phentsize != sizeof(ElfW(Phdr)) ||
	    head->e_phnum == 0 || head->e_phnum > SEGMENTS_MAX)
		return no(elf, "it has no tables of sections and segments");
	return true;
}

/* The descriptor among the symbols of one table; `value` set when it is there. */
static bool find_symbol(struct elf *elf, const ElfW(Shdr) * symbols, const ElfW(Shdr) * names,
			uint64_t *value)
{
	static const char wanted[] = MG_MODULE_SYMBOL;
	ElfW(Sym) *sym = piece(elf, symbols->sh_offset, symbols->sh_size);
	char *text = sym ? piece(elf, names->sh_offset, names->sh_size) : NULL;
	bool found = false;

	for (uint64_t i = 0; text && !found && i < symbols->sh_size / sizeof(*sym); i++) {
		uint64_t at = sym[i].st_name;
		found = sym[i].st_shndx != SHN_UNDEF && at <= names->sh_size &&
			names->sh_size - at >= sizeof(wanted) &&
			memcmp(text + at, wanted, sizeof(wanted)) == 0;
		if (found)
			*value = sym[i].st_value;
	}
	if (text && !found)
		no(elf, "it has no symbol " MG_MODULE_SYMBOL);
	free(text);
	free(sym);
	return found;
}

/* Where the descriptor will lie in memory. */
static bool find_descriptor(struct elf *elf, uint64_t *value)
{
	unsigned n = elf->head.e_shnum;
	ElfW(Shdr) *section = piece(elf, elf->head.e_shoff, n * sizeof(*section));
	bool found = false;

	no(elf, "it has no dynamic symbols");
	for (unsigned i = 0; section && i < n; i++)
		if (section[i].sh_type == SHT_DYNSYM && section[i].sh_link < n) {
			found = find_symbol(elf, &section[i], &section[section[i].sh_link], value);
			break;
		}
	free(section);
	return found;
}

/* The number that the file has for that place. */
static bool read_number(struct elf *elf, uint64_t value, uint32_t *out)
{
	unsigned n = elf->head.e_phnum;
	ElfW(Phdr) *segment = piece(elf, elf->head.e_phoff, n * sizeof(*segment));
	bool found = false;

	no(elf, "its descriptor does not lie in the file");
	for (unsigned i = 0; segment && !found && i < n; i++) {
		const ElfW(Phdr) *s = &segment[i];
		uint64_t into = value - s->p_vaddr;

		if (s->p_type != PT_LOAD || value < s->p_vaddr || s->p_filesz < sizeof(*out) ||
		    into > s->p_filesz - sizeof(*out) || s->p_offset > INT64_MAX - into)
			continue;
		found = pread(elf->fd, out, sizeof(*out), (off_t)(s->p_offset + into)) ==
			(ssize_t)sizeof(*out);
	}
	free(segment);
	return found;
}

int chain_elf_abi(int fd, uint32_t *abi, const char **why)
{
	struct elf elf = {.fd = fd};
	uint64_t value = 0;

	if (read_head(&elf) && find_descriptor(&elf, &value) && read_number(&elf, value, abi))
		return 0;
	*why = elf.why;
	return MG_EINVAL;
}
