/* mutate_tar.c - changes to a .tar that leave the sums of its headers right. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { BLOCK = 512, SUM_AT = 148, SUM_LENGTH = 8 };

size_t LLVMFuzzerMutate(uint8_t *bytes, size_t len, size_t max_len);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t len, size_t max_len, unsigned seed);

/* Write the right sum into a header. */
static void mend(uint8_t *block)
{
	unsigned sum = 0;
	char text[SUM_LENGTH];
	memset(block + SUM_AT, ' ', SUM_LENGTH);
	for (int i = 0; i < BLOCK; i++)
		sum += block[i];
	snprintf(text, sizeof text, "%06o", sum);
	memcpy(block + SUM_AT, text, SUM_LENGTH - 1);
}

static int is_header(const uint8_t *block)
{
	int digits = 0;
	for (int i = 0; i < 6; i++)
		digits += block[SUM_AT + i] >= '0' && block[SUM_AT + i] <= '7';
	return digits >= 4;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t len, size_t max_len, unsigned seed)
{
	/* Whole blocks come and go too, so that what is behind them stays in its place. */
	size_t blocks = len / BLOCK;
	if (seed % 8 == 0 && blocks > 1) {
		size_t at = seed / 8 % blocks, to = seed / 64 % blocks;
		if (seed / 8 % 2 && len + BLOCK <= max_len) {
			memmove(bytes + (to + 1) * BLOCK, bytes + to * BLOCK, len - to * BLOCK);
			memmove(bytes + to * BLOCK, bytes + (at + (at >= to)) * BLOCK, BLOCK);
			len += BLOCK;
		} else {
			memmove(bytes + at * BLOCK, bytes + (at + 1) * BLOCK,
			        len - (at + 1) * BLOCK);
			len -= BLOCK;
		}
	} else {
		len = LLVMFuzzerMutate(bytes, len, max_len);
	}
	for (size_t at = 0; seed % 16 && at + BLOCK <= len; at += BLOCK)
		if (is_header(bytes + at))
			mend(bytes + at);
	return len;
}
