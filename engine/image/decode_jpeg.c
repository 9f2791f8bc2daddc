/* JPEG by libjpeg(-turbo). libjpeg repairs what it can and goes on; here a picture is whole or it
 * is refused, so most of its warnings are errors, and the end of the data is watched closely. */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

#include "engine/image/decode.h"
#include "engine/image/exif.h"
#include "engine/image/upright.h"

/* A file may make libjpeg go over the whole picture once per scan. Real progressive files have
 * about ten scans; at most MAX_SCANS are read, and at most FULL_SIZE_SCANS of the largest
 * picture that the limits let in, or as much work on smaller ones. */
enum { MAX_SCANS = 500, FULL_SIZE_SCANS = 40 };

struct jpeg_job {
	struct jpeg_decompress_struct cinfo;
	struct jpeg_error_mgr errors;
	struct jpeg_source_mgr source;
	struct jpeg_progress_mgr progress;
	jmp_buf failed;
	enum cnn_status status; /* why `failed` was jumped to */
	struct cnn_error *err;

	bool ended; /* the data ended before the end-of-image marker */
	bool exif_seen;
	int32_t orientation;
	int max_scans;
	const struct image_decode_options *options; /* NULL when only the header is wanted */
	const struct image_limits *limits;          /* NULL when the size does not matter */
	struct upright up;
};

static struct jpeg_job *job_of(void *cinfo)
{
	return ((j_common_ptr)cinfo)->client_data;
}

static _Noreturn void refuse(struct jpeg_job *job, enum cnn_status status)
{
	job->status = status;
	longjmp(job->failed, 1);
}

static _Noreturn void refuse_broken(struct jpeg_job *job, const char *why)
{
	refuse(job, cnn_fail(job->err, CNN_BAD_IMAGE, "broken JPEG: %s", why));
}

static _Noreturn void refuse_truncated(struct jpeg_job *job)
{
	refuse_broken(job, "the data ends too early");
}

/* --- messages ------------------------------------------------------------- */

static enum cnn_status status_of_error(int code)
{
	switch (code) {
	case JERR_OUT_OF_MEMORY:
		return CNN_NO_MEMORY;
	case JERR_IMAGE_TOO_BIG:
		return CNN_IMAGE_TOO_LARGE;
	case JERR_ARITH_NOTIMPL:
	case JERR_BAD_PRECISION:
	case JERR_CCIR601_NOTIMPL:
	case JERR_CONVERSION_NOTIMPL:
	case JERR_FRACT_SAMPLE_NOTIMPL:
	case JERR_NOTIMPL:
	case JERR_NOT_COMPILED:
	case JERR_SOF_UNSUPPORTED:
		return CNN_NOT_IMAGE;
	default:
		return CNN_BAD_IMAGE;
	}
}

static void on_error(j_common_ptr cinfo)
{
	struct jpeg_job *job = job_of(cinfo);
	char text[JMSG_LENGTH_MAX];
	cinfo->err->format_message(cinfo, text);
	enum cnn_status status = status_of_error(cinfo->err->msg_code);
	/* A size over the limits is the better reason, and known as soon as the frame's header is. */
	if (status == CNN_BAD_IMAGE && job->limits && job->cinfo.image_width > 0 &&
	    job->cinfo.image_height > 0) {
		enum cnn_status size =
			decode_check_size(job->limits, (int32_t)job->cinfo.image_width,
		                          (int32_t)job->cinfo.image_height, job->err);
		if (size)
			refuse(job, size);
	}
	refuse(job, cnn_fail(job->err, status, "JPEG: %s", text));
}

/* An AC scan of a progressive file that lacks some bits at its very end, though the file goes on,
 * blurs a few blocks; Pillow and browsers show such files. */
static bool is_short_refinement(const struct jpeg_job *job)
{
	const struct jpeg_decompress_struct *cinfo = &job->cinfo;
	return cinfo->progressive_mode && cinfo->Ss > 0 && !job->ended &&
	       cinfo->input_iMCU_row + 1 == cinfo->total_iMCU_rows;
}

/* Whether what libjpeg warns of leaves the picture as it was meant. */
static bool warning_is_harmless(const struct jpeg_job *job)
{
	switch (job->errors.msg_code) {
	case JWRN_ADOBE_XFORM: /* an odd header, decoded as Adobe's products would */
	case JWRN_JFIF_MAJOR:
	case JWRN_NOT_SEQUENTIAL:    /* a baseline scan with odd spectral parameters, ignored */
	case JWRN_BOGUS_PROGRESSION: /* scans in an odd order, or some missing */
	case JWRN_EXTRANEOUS_DATA:   /* padding before a marker; webcams write it */
		return true;
	case JWRN_HIT_MARKER:
		return is_short_refinement(job);
	default:
		return false;
	}
}

static void on_message(j_common_ptr cinfo, int level)
{
	struct jpeg_job *job = job_of(cinfo);
	if (level >= 0 || warning_is_harmless(job))
		return;
	char text[JMSG_LENGTH_MAX];
	cinfo->err->format_message(cinfo, text);
	refuse(job, cnn_fail(job->err, CNN_BAD_IMAGE, "JPEG: %s", text));
}

static void on_output(j_common_ptr cinfo)
{
	(void)cinfo; /* The engine does not print. */
}

/* --- the data ------------------------------------------------------------- */

static void on_source(j_decompress_ptr cinfo)
{
	(void)cinfo; /* All the data is there from the start. */
}

/* At the end of the data an end-of-image marker is made up, once: a file that lacks only that is
 * whole. Whether this one is, is_whole() finds out. Who reads on was not at a marker. */
static boolean on_end_of_data(j_decompress_ptr cinfo)
{
	static const JOCTET end_of_image[] = {0xff, JPEG_EOI};
	struct jpeg_job *job = job_of(cinfo);
	if (job->ended)
		refuse_truncated(job);
	job->ended = true;
	job->source.next_input_byte = end_of_image;
	job->source.bytes_in_buffer = sizeof end_of_image;
	return TRUE;
}

static void on_skip(j_decompress_ptr cinfo, long n)
{
	struct jpeg_job *job = job_of(cinfo);
	if (n <= 0)
		return;
	if ((unsigned long)n > job->source.bytes_in_buffer)
		refuse_truncated(job);
	job->source.next_input_byte += n;
	job->source.bytes_in_buffer -= (size_t)n;
}

/* An APP1 segment, its length first: EXIF is read where it lies, without a copy. */
static boolean on_app1(j_decompress_ptr cinfo)
{
	struct jpeg_job *job = job_of(cinfo);
	const JOCTET *p = job->source.next_input_byte;
	size_t left = job->source.bytes_in_buffer;
	if (left < 2)
		refuse_truncated(job);
	size_t len = (size_t)p[0] << 8 | p[1];
	if (len < 2)
		refuse_broken(job, "segment without a length");
	if (len > left)
		refuse_truncated(job);
	if (!job->exif_seen && len >= 8 && memcmp(p + 2, "Exif\0", 6) == 0) {
		job->orientation = exif_orientation(p + 8, len - 8);
		job->exif_seen = true;
	}
	job->source.next_input_byte += len;
	job->source.bytes_in_buffer -= len;
	return TRUE;
}

static void on_progress(j_common_ptr cinfo)
{
	struct jpeg_job *job = job_of(cinfo);
	if (job->cinfo.input_scan_number > job->max_scans)
		refuse_broken(job, "too many scans");
}

/* --- decoding ------------------------------------------------------------- */

static void open_file(struct jpeg_job *job, const uint8_t *bytes, size_t len)
{
	job->cinfo.err = jpeg_std_error(&job->errors);
	job->errors.error_exit = on_error;
	job->errors.emit_message = on_message;
	job->errors.output_message = on_output;
	job->cinfo.client_data = job;
	jpeg_create_decompress(&job->cinfo);
	job->source = (struct jpeg_source_mgr){
		.next_input_byte = bytes,
		.bytes_in_buffer = len,
		.init_source = on_source,
		.fill_input_buffer = on_end_of_data,
		.skip_input_data = on_skip,
		.resync_to_restart = jpeg_resync_to_restart,
		.term_source = on_source,
	};
	job->cinfo.src = &job->source;
	job->orientation = 1;
	jpeg_set_marker_processor(&job->cinfo, JPEG_APP0 + 1, on_app1);
	jpeg_read_header(&job->cinfo, TRUE);
}

static void check_supported(struct jpeg_job *job)
{
	int precision = job->cinfo.data_precision, components = job->cinfo.num_components;
	if (precision != 8)
		refuse(job,
		       cnn_fail(job->err, CNN_NOT_IMAGE,
		                "unsupported JPEG: %d bits a sample, only 8 are read", precision));
	if (components != 1 && components != 3 && components != 4)
		refuse(job, cnn_fail(job->err, CNN_NOT_IMAGE, "unsupported JPEG: %d components",
		                     components));
}

/* ceil(side * eighths / 8): libjpeg's size of a scaled picture. */
static int64_t scaled_side(JDIMENSION side, unsigned eighths)
{
	return ((int64_t)side * eighths + 7) / 8;
}

/* The smallest DCT scale, in eighths, that leaves the minimum size. Only halvings: libjpeg-turbo
 * has no SIMD code for the sizes between, which makes them slower than the full size. */
static unsigned choose_scale(const struct jpeg_job *job)
{
	bool turned = job->orientation >= 5;
	int32_t min_width = turned ? job->options->min_height : job->options->min_width;
	int32_t min_height = turned ? job->options->min_width : job->options->min_height;
	if (min_width <= 0 || min_height <= 0)
		return 8;
	for (unsigned eighths = 1; eighths < 8; eighths *= 2)
		if (scaled_side(job->cinfo.image_width, eighths) >= min_width &&
		    scaled_side(job->cinfo.image_height, eighths) >= min_height)
			return eighths;
	return 8;
}

static enum upright_samples choose_samples(struct jpeg_job *job)
{
	switch (job->cinfo.num_components) {
	case 1:
		job->cinfo.out_color_space = JCS_GRAYSCALE;
		return UPRIGHT_GRAY;
	case 3:
		job->cinfo.out_color_space = JCS_RGB;
		return UPRIGHT_RGB;
	default:
		job->cinfo.out_color_space = JCS_CMYK;
		return UPRIGHT_CMYK_INVERTED;
	}
}

/* Called when nothing was found wrong with the data that there is: is that all of it? */
static bool is_whole(const struct jpeg_job *job)
{
	const struct jpeg_decompress_struct *cinfo = &job->cinfo;
	if (!cinfo->progressive_mode)
		/* A component that no scan had has not got its quantisation table yet. */
		for (int c = 0; c < cinfo->num_components; c++)
			if (!cinfo->comp_info[c].quant_table)
				return false;
	if (!job->ended)
		return true;
	/* An arithmetic decoder never runs out of bits, so it cannot tell. */
	if (cinfo->arith_code)
		return false;
	/* A progressive file may have been cut between two scans: every bit must be known. */
	if (cinfo->progressive_mode)
		for (int c = 0; c < cinfo->num_components; c++)
			for (int k = 0; k < DCTSIZE2; k++)
				if (cinfo->coef_bits[c][k] != 0)
					return false;
	return true;
}

static void decode(struct jpeg_job *job, enum upright_samples samples)
{
	struct jpeg_decompress_struct *cinfo = &job->cinfo;
	jpeg_start_decompress(cinfo);
	enum cnn_status status =
		upright_begin(&job->up, samples, job->orientation, (int32_t)cinfo->output_width,
	                      (int32_t)cinfo->output_height, job->options->channels, job->err);
	if (status)
		refuse(job, status);
	while (cinfo->output_scanline < cinfo->output_height) {
		int32_t y = (int32_t)cinfo->output_scanline;
		JSAMPROW row = upright_row(&job->up, y);
		if (jpeg_read_scanlines(cinfo, &row, 1) != 1)
			refuse_truncated(job);
		upright_row_done(&job->up, y);
	}
	/* What follows the last scan of the picture is not looked at. */
	if (!is_whole(job))
		refuse_truncated(job);
}

/* Everything of libjpeg's that can fail runs below here. */
static enum cnn_status run(struct jpeg_job *job, const uint8_t *bytes, size_t len)
{
	if (setjmp(job->failed))
		return job->status;
	open_file(job, bytes, len);
	check_supported(job);
	if (!job->options)
		return CNN_OK;

	JDIMENSION width = job->cinfo.image_width, height = job->cinfo.image_height;
	const struct image_limits *limits = job->limits;
	enum cnn_status status =
		decode_check_size(limits, (int32_t)width, (int32_t)height, job->err);
	if (status)
		return status;
	int64_t scans = limits->max_pixels / ((int64_t)width * height) * FULL_SIZE_SCANS;
	job->max_scans = scans < MAX_SCANS ? (int)scans : MAX_SCANS;
	job->progress.progress_monitor = on_progress;
	job->cinfo.progress = &job->progress;
	job->cinfo.scale_num = choose_scale(job);
	job->cinfo.scale_denom = 8;
	decode(job, choose_samples(job));
	return CNN_OK;
}

enum cnn_status jpeg_probe(const uint8_t *bytes, size_t len, const struct image_limits *limits,
                           struct image_header *out, struct cnn_error *err)
{
	struct jpeg_job job = {.err = err, .limits = limits};
	enum cnn_status status = run(&job, bytes, len);
	if (status == CNN_OK)
		*out = decode_header(IMAGE_JPEG, job.orientation, (int32_t)job.cinfo.image_width,
		                     (int32_t)job.cinfo.image_height,
		                     job.cinfo.num_components == 1);
	jpeg_destroy_decompress(&job.cinfo);
	return status;
}

enum cnn_status jpeg_decode(const uint8_t *bytes, size_t len,
                            const struct image_decode_options *options, struct image *out,
                            struct cnn_error *err)
{
	struct jpeg_job job = {.err = err, .options = options, .limits = &options->limits};
	enum cnn_status status = run(&job, bytes, len);
	if (status == CNN_OK) {
		*out = job.up.img;
		job.up.img = (struct image){0};
	}
	upright_free(&job.up);
	jpeg_destroy_decompress(&job.cinfo);
	return status;
}
