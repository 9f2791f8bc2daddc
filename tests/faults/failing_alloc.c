/* failing_alloc - preloaded into a program, fails allocations that are asked for by number.
 *
 * The file named by CONVD_TEST_FAULTS is shared with who asks: see struct control. Allocations are counted from when
 * `armed` is set, over all threads; what the C library allocates without calling malloc() is not seen, and what
 * libseccomp allocates is spared: its writer of filters (2.5) does not bear the loss of memory, it crashes or never ends. */
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Little-endian, as faults.py writes it. */
struct control {
	_Atomic uint64_t armed, seen, failed;
	_Atomic uint64_t first, last; /* the allocations to fail, from 1; nothing for 0 */
	_Atomic uint64_t one_in;      /* fail each with this probability; 0: none */
	_Atomic uint64_t live;        /* allocations that are not freed, armed or not */
};

/* Of glibc: what malloc() and its like are without this library, and without looking for them, which allocates. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *p);

static struct control *control;

static struct {
	uintptr_t begin, end;
} spared; /* the addresses of libseccomp's code */

static int find_spared(struct dl_phdr_info *object, size_t size, void *arg)
{
	(void)size, (void)arg;
	if (!strstr(object->dlpi_name, "/libseccomp."))
		return 0;
	for (int i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &object->dlpi_phdr[i];
		if (part->p_type != PT_LOAD || !(part->p_flags & PF_X))
			continue;
		spared.begin = object->dlpi_addr + part->p_vaddr;
		spared.end = spared.begin + part->p_memsz;
	}
	return 1;
}

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("CONVD_TEST_FAULTS");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	if (fd < 0)
		return;
	void *p = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		return;
	control = p;
	dl_iterate_phdr(find_spared, NULL);
}

static uint64_t scramble(uint64_t x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdu;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53u;
	return x ^ x >> 33;
}

/* caller: where the function returns to that was called for memory. */
static bool fails(const void *caller)
{
	struct control *c = control;
	if (!c || !atomic_load_explicit(&c->armed, memory_order_relaxed))
		return false;
	if ((uintptr_t)caller >= spared.begin && (uintptr_t)caller < spared.end)
		return false;
	uint64_t number = atomic_fetch_add(&c->seen, 1) + 1;
	uint64_t one_in = atomic_load(&c->one_in);
	bool now = (number >= atomic_load(&c->first) && number <= atomic_load(&c->last)) ||
	           (one_in && scramble(number) % one_in == 0);
	if (now) {
		atomic_fetch_add(&c->failed, 1);
		errno = ENOMEM;
	}
	return now;
}

static void *counted(void *p)
{
	if (p && control)
		atomic_fetch_add_explicit(&control->live, 1, memory_order_relaxed);
	return p;
}

void *malloc(size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : counted(__libc_malloc(size));
}

void *calloc(size_t n, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : counted(__libc_calloc(n, size));
}

void free(void *p)
{
	if (p && control)
		atomic_fetch_sub_explicit(&control->live, 1, memory_order_relaxed);
	__libc_free(p);
}

void *realloc(void *p, size_t size)
{
	if (p && size == 0) {
		free(p);
		return NULL;
	}
	if (fails(__builtin_return_address(0)))
		return NULL;
	return p ? __libc_realloc(p, size) : counted(__libc_malloc(size));
}

void *memalign(size_t alignment, size_t size);
void *memalign(size_t alignment, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL
	                                          : counted(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
	void *p = memalign(alignment, size);
	if (!p)
		return ENOMEM;
	*out = p;
	return 0;
}
