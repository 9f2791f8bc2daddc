// schemas.mjs PACKAGES: are these Kubernetes' resources, with no field that Kubernetes does not know?
//
// Standard input: [{"from": "where it stands", "resource": {...}}, ...]. Prints a line for each that is not, and its status
// is 1 then. PACKAGES/node_modules has the types and validators made from Kubernetes' OpenAPI schema: the validators let
// unknown fields pass, the types do not; validators know ranges and patterns, which types do not.
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const packages = path.resolve(process.argv[2]);
const require = createRequire(path.join(packages, "package.json"));
const ts = require("typescript");

const resources = JSON.parse(fs.readFileSync(0, "utf8"));
const problems = [];

// Where the type of a resource is declared.
function moduleOf({ apiVersion }) {
	if (apiVersion.startsWith("serving.kserve.io/")) return "./kserve";
	if (apiVersion.startsWith("monitoring.coreos.com/")) return "@kubernetes-models/prometheus-operator/" + apiVersion;
	return "kubernetes-models/" + apiVersion;
}

function checkTypes() {
	const folder = path.join(packages, "check");
	fs.mkdirSync(folder, { recursive: true });
	fs.copyFileSync(path.join(here, "kserve.d.ts"), path.join(folder, "kserve.d.ts"));
	const places = new Map();
	for (const [i, { from, resource }] of resources.entries()) {
		const file = path.join(folder, `resource${i}.ts`);
		const text = JSON.stringify(resource, null, "\t");
		fs.writeFileSync(file, `import type { I${resource.kind} as Wanted } from "${moduleOf(resource)}";\n` +
			`export const resource: Wanted = ${text};\n`);
		places.set(file, from);
	}
	const program = ts.createProgram([...places.keys()], {
		strict: true,
		noEmit: true,
		skipLibCheck: true,
		types: [],
		target: ts.ScriptTarget.ES2022,
		module: ts.ModuleKind.ESNext,
		moduleResolution: ts.ModuleResolutionKind.Bundler,
	});
	for (const found of ts.getPreEmitDiagnostics(program)) {
		const text = ts.flattenDiagnosticMessageText(found.messageText, " ");
		problems.push(`${(found.file && places.get(found.file.fileName)) || "types"}: ${text}`);
	}
}

// What of it is a pod, for resources that no package validates.
function podOf({ spec }) {
	if (spec.containers) return { containers: spec.containers };
	const { modelFormat, runtime, storageUri, protocolVersion, ...container } = spec.predictor.model;
	const { enableServiceLinks, automountServiceAccountToken, terminationGracePeriodSeconds } = spec.predictor;
	return {
		enableServiceLinks,
		automountServiceAccountToken,
		terminationGracePeriodSeconds,
		containers: [{ name: "model", ...container }],
	};
}

async function checkValues() {
	// The packages are found from where a module lies.
	const loader = path.join(packages, "check/load.mjs");
	fs.writeFileSync(loader, "export const load = (name) => import(name);\n");
	const { load } = await import(pathToFileURL(loader));
	for (const { from, resource } of resources) {
		try {
			const own = moduleOf(resource) === "./kserve";
			const models = await load(own ? "kubernetes-models/v1" : moduleOf(resource));
			const made = own ? new models.Pod({ spec: podOf(resource) }) : new models[resource.kind](resource);
			made.validate();
		} catch (e) {
			problems.push(`${from}: ${e.message}`);
		}
	}
}

checkTypes();
await checkValues();
for (const problem of problems) console.log(problem);
process.exit(problems.length ? 1 : 0);
