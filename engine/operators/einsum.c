/* einsum.c - reads an equation: letters for axes, "..." for those without a name, spaces anywhere. */
#include "engine/operators/einsum.h"

#include "engine/operators/eval.h"

#include <string.h>

/* A letter of the equation is the number of its index; the axes of "..." are -1, -2, ... from the last on. */
#define LETTERS 52

struct term {
	int32_t n; /* letters */
	int32_t letter[CNN_MAX_RANK];
	int32_t ellipsis; /* how many letters are in front of "..."; -1: there is none */
};

struct equation {
	struct term in[EINSUM_MAX_OPERANDS], out;
	uint32_t n_in;
	bool has_out;
	int32_t unnamed;           /* axes that "..." stands for, the most of any operand */
	int32_t seen[LETTERS];     /* how often an operand has it */
	int32_t index_of[LETTERS]; /* -1: none yet */
	int32_t index_of_unnamed[CNN_MAX_RANK];
};

static enum cnn_status refuse(const struct node *n, const char *why, struct cnn_error *err)
{
	return cnn_fail(err, CNN_BAD_MODEL, "node '%s': its equation %s", n->name, why);
}

static int32_t letter_of(char c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : -1;
}

/* One operand or the output, up to a comma, an arrow or the end. */
static enum cnn_status read_term(const struct node *n, const char **at, struct term *t,
                                 struct cnn_error *err)
{
	*t = (struct term){.ellipsis = -1};
	for (; **at && **at != ',' && **at != '-'; ++*at) {
		int32_t letter = letter_of(**at);
		if (**at == ' ')
			continue;
		if (letter >= 0) {
			if (t->n == CNN_MAX_RANK)
				return refuse(n, "has too many letters for a tensor", err);
			t->letter[t->n++] = letter;
		} else if (strncmp(*at, "...", 3) == 0 && t->ellipsis < 0) {
			t->ellipsis = t->n;
			*at += 2;
		} else {
			return refuse(n, "has something in it that is no letter", err);
		}
	}
	return CNN_OK;
}

static enum cnn_status read_equation(const struct node *n, struct equation *e,
                                     struct cnn_error *err)
{
	const char *at = n->attr.equation;
	if (!at)
		return refuse(n, "is missing", err);
	for (;; at++) {
		if (e->n_in == EINSUM_MAX_OPERANDS)
			return refuse(n, "has too many operands", err);
		enum cnn_status s = read_term(n, &at, &e->in[e->n_in++], err);
		if (s)
			return s;
		if (*at != ',')
			break;
	}
	e->has_out = *at == '-';
	if (!e->has_out)
		return CNN_OK;
	if (at[1] != '>')
		return refuse(n, "has something in it that is no letter", err);
	at += 2;
	enum cnn_status s = read_term(n, &at, &e->out, err);
	return !s && *at ? refuse(n, "goes on behind its output", err) : s;
}

/* The letter of an operand's axis, or -1, -2, ... for one of "...", from the last one. */
static int32_t axis_letter(const struct term *t, int32_t rank, int32_t axis)
{
	int32_t dots = rank - t->n;
	if (t->ellipsis < 0 || axis < t->ellipsis)
		return t->letter[axis];
	if (axis < t->ellipsis + dots)
		return axis - t->ellipsis - dots;
	return t->letter[axis - dots];
}

static enum cnn_status check_operands(const struct graph *g, const struct node *n,
                                      struct equation *e, struct cnn_error *err)
{
	if (e->n_in != n->n_in)
		return cnn_fail(err, CNN_BAD_MODEL,
		                "node '%s': its equation has %u operands, the node %u", n->name,
		                e->n_in, n->n_in);
	for (uint32_t k = 0; k < e->n_in; k++) {
		const struct term *t = &e->in[k];
		int32_t dots = graph_in(g, n, k)->rank - t->n;
		if (dots < 0 || (dots > 0 && t->ellipsis < 0))
			return cnn_fail(err, CNN_BAD_MODEL,
			                "node '%s': operand %u of its equation has %d letters, the "
			                "tensor %d dimensions",
			                n->name, k, t->n, graph_in(g, n, k)->rank);
		if (t->ellipsis >= 0 && dots > e->unnamed)
			e->unnamed = dots;
		for (int32_t i = 0; i < t->n; i++)
			e->seen[t->letter[i]]++;
	}
	return CNN_OK;
}

/* Without an arrow: the unnamed axes, then each letter that is there once, in the alphabet's order. */
static enum cnn_status implied_output(const struct node *n, struct equation *e,
                                      struct cnn_error *err)
{
	e->out = (struct term){.ellipsis = 0};
	for (int32_t c = 0; c < LETTERS; c++) {
		if (e->seen[c] != 1)
			continue;
		if (e->out.n == CNN_MAX_RANK)
			return refuse(n, "has too many letters for a tensor", err);
		e->out.letter[e->out.n++] = c;
	}
	return CNN_OK;
}

static int32_t *index_at(struct equation *e, int32_t letter)
{
	return letter < 0 ? &e->index_of_unnamed[-1 - letter] : &e->index_of[letter];
}

/* Gives the letter the next number, unless it has one. */
static enum cnn_status number(const struct node *n, struct equation *e, int32_t letter,
                              struct einsum *out, struct cnn_error *err)
{
	int32_t *index = index_at(e, letter);
	if (*index >= 0)
		return CNN_OK;
	if (out->n_index == EINSUM_MAX_INDICES)
		return cnn_fail(err, CNN_UNSUPPORTED,
		                "node '%s': its equation has more than %d indices", n->name,
		                EINSUM_MAX_INDICES);
	out->size[out->n_index] = 1;
	*index = out->n_index++;
	return CNN_OK;
}

static enum cnn_status number_output(const struct node *n, struct equation *e, struct einsum *out,
                                     struct cnn_error *err)
{
	const struct term *t = &e->out;
	int32_t rank = t->n + (t->ellipsis >= 0 ? e->unnamed : 0);
	if (rank > CNN_MAX_RANK)
		return refuse(n, "has too many letters for a tensor", err);
	for (int32_t axis = 0; axis < rank; axis++) {
		int32_t letter = axis_letter(t, rank, axis);
		if (letter >= 0 && (e->seen[letter] == 0 || e->index_of[letter] >= 0))
			return refuse(n, "has an output letter twice, or that no operand has", err);
		enum cnn_status s = number(n, e, letter, out, err);
		if (s)
			return s;
	}
	out->n_out = out->n_index;
	return CNN_OK;
}

static enum cnn_status place_operand(const struct graph *g, const struct node *n,
                                     struct equation *e, uint32_t k, struct einsum *out,
                                     struct cnn_error *err)
{
	const struct value *v = graph_in(g, n, k);
	int64_t own[CNN_MAX_RANK];
	stride_row_major(v->rank, v->dim, own);
	for (int32_t axis = 0; axis < v->rank; axis++) {
		int32_t letter = axis_letter(&e->in[k], v->rank, axis);
		enum cnn_status s = number(n, e, letter, out, err);
		if (s)
			return s;
		int32_t i = *index_at(e, letter);
		out->index[k][axis] = i;
		if (v->dim[axis] == 1)
			continue;
		if (out->size[i] != 1 && out->size[i] != v->dim[axis])
			return cnn_fail(err, CNN_BAD_MODEL,
			                "node '%s': an index of its equation is %lld and %lld long",
			                n->name, (long long)out->size[i], (long long)v->dim[axis]);
		out->size[i] = v->dim[axis];
		out->stride[k][i] += own[axis];
	}
	return CNN_OK;
}

enum cnn_status einsum_resolve(const struct graph *g, const struct node *n, struct einsum *out,
                               struct cnn_error *err)
{
	struct equation e = {0};
	memset(e.index_of, -1, sizeof e.index_of);
	memset(e.index_of_unnamed, -1, sizeof e.index_of_unnamed);
	*out = (struct einsum){.n_operand = n->n_in};
	enum cnn_status s = read_equation(n, &e, err);
	if (!s)
		s = check_operands(g, n, &e, err);
	if (!s && !e.has_out)
		s = implied_output(n, &e, err);
	if (!s)
		s = number_output(n, &e, out, err);
	for (uint32_t k = 0; k < n->n_in && !s; k++)
		s = place_operand(g, n, &e, k, out, err);
	return s;
}
