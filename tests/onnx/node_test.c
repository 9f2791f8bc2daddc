/* node_test - runs one test of ONNX's backend suite, for run.py.
 *
 *	node_test FOLDER
 *
 * Prints lines, their words parted by tabs:
 *
 *	operator NAME yes|no             each operator of the model; whether the engine's list has it
 *	trial BOUND VERDICT [TEXT]       each way tried; BOUND: the inputs that were made constants, "all", or "none"
 *	run VERDICT BOUND [TEXT]         the first way with data fed that passed, else what the first one said
 *	fold VERDICT [TEXT]              with all inputs constant
 *
 * A verdict is "passed", "refused" or "failed". Exits with 0, or with 1 and a message when the test cannot be read. */
#include "tests/onnx/trial.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define MAX_ADDRESS_SPACE ((rlim_t)2 << 30)

static const char *const verdicts[] = {"passed", "refused", "failed"};

/* Sanitizers reserve far more than they use. */
static void limit_memory(void)
{
#if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
	struct rlimit limit = {MAX_ADDRESS_SPACE, MAX_ADDRESS_SPACE};
	setrlimit(RLIMIT_AS, &limit);
#endif
}

static uint32_t all_inputs(const struct test_case *c)
{
	return ((uint32_t)1 << c->n_input) - 1;
}

/* "none", "all", or the numbers of the inputs. */
static void print_bound(const struct test_case *c, uint32_t bound)
{
	const char *comma = "";
	if (bound == 0 || bound == all_inputs(c)) {
		printf("\t%s", bound || c->n_input == 0 ? "all" : "none");
		return;
	}
	putchar('\t');
	for (size_t i = 0; i < c->n_input; i++) {
		if (bound >> i & 1) {
			printf("%s%zu", comma, i);
			comma = ",";
		}
	}
}

static struct outcome try(const struct test_case *c, uint32_t bound)
{
	printf("trial");
	print_bound(c, bound);
	/* In case of a crash it is known which way it was. */
	fflush(stdout);
	struct outcome o = trial(c, bound);
	printf("\t%s\t%s\n", verdicts[o.verdict], o.text);
	return o;
}

/* Nothing bound, or else what decides shapes, which mostly is whole numbers and comes after the data; in the end all
 * but any one input. */
static size_t list_bindings(const struct test_case *c, uint32_t *bound)
{
	uint32_t whole = 0;
	size_t n = 0;
	for (size_t i = 1; i < c->n_input; i++)
		whole |= (uint32_t)(c->input[i].value.dtype != CNN_F32) << i;
	bound[n++] = 0;
	if (whole)
		bound[n++] = whole;
	for (size_t i = 0; i < c->n_input && c->n_input > 1; i++)
		if ((bound[n] = all_inputs(c) & ~((uint32_t)1 << i)) != whole)
			n++;
	return n;
}

static void run_fed(const struct test_case *c)
{
	uint32_t bound[CASE_MAX_INPUTS + 2], used = 0;
	size_t n = list_bindings(c, bound);
	struct outcome first = {0};
	for (size_t i = 0; i < n; i++) {
		struct outcome o = try(c, bound[i]);
		if (i == 0 || o.verdict != REFUSED) {
			first = o;
			used = bound[i];
		}
		if (o.verdict != REFUSED)
			break;
	}
	printf("run\t%s", verdicts[first.verdict]);
	print_bound(c, used);
	printf("\t%s\n", first.text);
}

/* The suite has data of kinds that the engine does not, strings say: it must refuse their model. */
static void run_unread(const struct test_case *c, const struct cnn_error *unread)
{
	struct outcome o = trial(c, 0);
	bool as_it_must = o.verdict == REFUSED;
	printf("run\t%s\tnone\t%s\n", verdicts[as_it_must ? REFUSED : FAILED],
	       as_it_must ? o.text : unread->text);
}

static void run_both(const struct test_case *c)
{
	if (c->n_input > 0)
		run_fed(c);
	struct outcome o = try(c, all_inputs(c));
	printf("fold\t%s\t%s\n", verdicts[o.verdict], o.text);
}

int main(int argc, char **argv)
{
	struct test_case c = {0};
	struct cnn_error err = {0};
	if (argc != 2) {
		fprintf(stderr, "usage: node_test FOLDER\n");
		return 2;
	}
	limit_memory();
	enum cnn_status status = case_read_model(argv[1], &c, &err);
	if (status) {
		fprintf(stderr, "%s: %s\n", argv[1], err.text);
	} else {
		case_print_operators(&c);
		if (case_read_tensors(argv[1], &c, &err))
			run_unread(&c, &err);
		else
			run_both(&c);
	}
	case_free(&c);
	return status != 0;
}
