/* api.h - the handlers that the routes name; a file for each resource. See struct route for when each is called. */
#ifndef SERVER_API_H
#define SERVER_API_H

struct request;

void api_web_page(struct request *request);
void api_web_openapi(struct request *request);
void api_health(struct request *request);
void api_health_live(struct request *request);
void api_debug_trace(struct request *r);
void api_metrics(struct request *request);
void api_models(struct request *request);
void api_model(struct request *request);
void api_model_layers(struct request *request);
void api_model_layer(struct request *request);
void api_view_filters_png(struct request *request);
void api_view_filters(struct request *request);
void api_view_activations_begin(struct request *request);
void api_view_activations(struct request *request);
void api_view_input_begin(struct request *request);
void api_view_input(struct request *request);
void api_view_strip_begin(struct request *request);
void api_view_strip(struct request *request);
void api_view_explain_begin(struct request *request);
void api_view_explain(struct request *request);
void api_repository_index(struct request *request);
void api_repository_load(struct request *request);
void api_repository_unload(struct request *request);
void api_predict_begin(struct request *request);
void api_predict(struct request *request);
void api_v2_server(struct request *request);
void api_v2_live(struct request *request);
void api_v2_ready(struct request *request);
void api_v2_models(struct request *request);
void api_v2_stats(struct request *request);
void api_v2_model(struct request *request);
void api_v2_model_ready(struct request *request);
void api_v2_model_config(struct request *request);
void api_v2_model_stats(struct request *request);
void api_infer_begin(struct request *request);
void api_v2_infer(struct request *request);
void api_v1_predict(struct request *request);

#endif
