#include "server/model_log.h"

#include "engine/base/cpu.h"

#include <stdio.h>

void model_log(const struct log *log, const char *name, const struct cnn_model *m, const char *done,
               double ms)
{
	const struct cnn_model_info *info = cnn_model_info(m);
	char shape[CNN_MAX_RANK * 24] = "";
	size_t at = 0;
	for (int32_t i = 0; i < info->input.rank; i++)
		at += (size_t)snprintf(shape + at, sizeof shape - at, "%s%lld", i ? "×" : "",
		                       (long long)info->input.dim[i]);
	log_line(log, LOG_INFO,
	         "model %s: version %s, %zu classes, %.2f M parameters, %.1f M MACs, input %s %s, "
	         "%s, %s in %.0f ms",
	         name, info->version, info->classes, (double)info->parameters * 1e-6,
	         (double)info->macs * 1e-6, info->input_name, shape, cpu_isa_name(cnn_model_isa(m)),
	         done, ms);
	for (size_t i = 0; i < info->n_assumed; i++)
		log_line(log, LOG_INFO, "model %s: assumed %s", name, info->assumed[i]);
}
