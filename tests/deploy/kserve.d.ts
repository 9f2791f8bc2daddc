/* The fields of KServe's resources that runtimes and services are written with, as no published package has them. After
 * pkg/apis/serving/v1alpha1/servingruntime_types.go and pkg/apis/serving/v1beta1/{component,podspec,predictor,
 * predictor_model,inference_service}.go of github.com/kserve/kserve. What they hold of Kubernetes' own is Kubernetes' own. */
import type { IIoK8sApiAppsV1DeploymentStrategy } from "kubernetes-models/apps/v1";
import type { IIoK8sApiCoreV1Container, IIoK8sApiCoreV1PodSpec } from "kubernetes-models/v1";
import type { IIoK8sApimachineryPkgApisMetaV1ObjectMeta } from "@kubernetes-models/apimachinery/apis/meta/v1/ObjectMeta";

type Protocol = "v1" | "v2" | "grpc-v1" | "grpc-v2";
type PodSpec = Omit<IIoK8sApiCoreV1PodSpec, "containers">;

export interface IServingRuntime {
	apiVersion: "serving.kserve.io/v1alpha1";
	kind: "ServingRuntime" | "ClusterServingRuntime";
	metadata: IIoK8sApimachineryPkgApisMetaV1ObjectMeta;
	spec: Pick<
		PodSpec,
		"volumes" | "nodeSelector" | "affinity" | "tolerations" | "imagePullSecrets" | "hostIPC"
	> & {
		supportedModelFormats?: { name: string; version?: string; autoSelect?: boolean; priority?: number }[];
		multiModel?: boolean;
		disabled?: boolean;
		protocolVersions?: Protocol[];
		labels?: Record<string, string>;
		annotations?: Record<string, string>;
		containers: IIoK8sApiCoreV1Container[];
	};
}

export interface IInferenceService {
	apiVersion: "serving.kserve.io/v1beta1";
	kind: "InferenceService";
	metadata: IIoK8sApimachineryPkgApisMetaV1ObjectMeta;
	spec: {
		predictor: PodSpec & {
			minReplicas?: number;
			maxReplicas?: number;
			scaleTarget?: number;
			scaleMetric?: "cpu" | "memory" | "concurrency" | "rps";
			containerConcurrency?: number;
			timeout?: number;
			canaryTrafficPercent?: number;
			labels?: Record<string, string>;
			annotations?: Record<string, string>;
			deploymentStrategy?: IIoK8sApiAppsV1DeploymentStrategy;
			containers?: IIoK8sApiCoreV1Container[];
			model: Omit<IIoK8sApiCoreV1Container, "name"> & {
				name?: string;
				modelFormat: { name: string; version?: string };
				runtime?: string;
				storageUri?: string;
				runtimeVersion?: string;
				protocolVersion?: Protocol;
				storage?: {
					path?: string;
					key?: string;
					parameters?: Record<string, string>;
					schemaPath?: string;
				};
			};
		};
	};
}
