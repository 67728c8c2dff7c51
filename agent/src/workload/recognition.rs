//! How model servers are recognised when the configuration has no rules of its own: data, and little else.
//!
//! A label of a pod chooses all of the pod's containers, init containers and sidecars included: what fetches the model, and
//! what shares the server's network and volumes, is as much worth watching as the server. Names, images, resources and
//! devices choose single containers.

use super::container::{Container, Role};
use super::glob;
use super::selection::{Rule, has_label};

/// Put on a pod by whoever owns it, with `true` or `false`.
const OPT: &str = "picket/watch";

/// A serving stack, and what its containers are known by. Any of it is enough.
#[derive(Debug)]
struct Stack {
    /// Its name in `picket_container_info`.
    name: &'static str,
    /// Labels: `key` or `key=glob`.
    labels: &'static [&'static str],
    /// Globs of container names.
    containers: &'static [&'static str],
    /// Globs of image references.
    images: &'static [&'static str],
}

/// What runs servers comes before the servers that it may run, as the first that fits gives its name.
const STACKS: [Stack; 25] = [
    Stack {
        name: "kserve",
        labels: &[
            "serving.kserve.io/inferenceservice",
            "app.kubernetes.io/part-of=llminferenceservice",
            "kserve.io/component=workload",
        ],
        containers: &["kserve-container", "storage-initializer"],
        images: &["*kserve/*server*"],
    },
    Stack {
        name: "llm-d",
        labels: &[
            "llm-d.ai/inferenceServing=true",
            "llm-d.ai/model",
            "llm-d.ai/role",
        ],
        containers: &[],
        images: &["*llm-d/llm-d*"],
    },
    Stack {
        name: "dynamo",
        labels: &["nvidia.com/dynamo-component-type"],
        containers: &[],
        images: &["*ai-dynamo/*"],
    },
    Stack {
        name: "kuberay",
        labels: &[
            "ray.io/cluster",
            "ray.io/node-type",
            "ray.io/serve",
            "ray.io/originated-from-crd=RayService",
        ],
        containers: &["ray-head", "ray-worker"],
        images: &["*rayproject/ray*"],
    },
    Stack {
        name: "seldon",
        labels: &[
            "seldon-deployment-id",
            "seldon-server-name",
            "app.kubernetes.io/name=seldon-server",
        ],
        containers: &[],
        images: &["*seldonio/*server*"],
    },
    Stack {
        name: "kaito",
        labels: &["kaito.sh/workspace"],
        containers: &[],
        images: &["*kaito/kaito-*"],
    },
    Stack {
        name: "aibrix",
        labels: &["model.aibrix.ai/name"],
        containers: &[],
        images: &[],
    },
    Stack {
        name: "nim",
        labels: &["app.kubernetes.io/managed-by=k8s-nim-operator"],
        containers: &[],
        images: &["*nvcr.io/nim/*"],
    },
    Stack {
        name: "leaderworkerset",
        labels: &["leaderworkerset.sigs.k8s.io/name"],
        containers: &[],
        images: &[],
    },
    of_images("vllm", &["*vllm*"]),
    of_images("triton", &["*tritonserver*"]),
    of_images(
        "text-generation-inference",
        &["*text-generation-inference*"],
    ),
    of_images(
        "text-embeddings-inference",
        &["*text-embeddings-inference*"],
    ),
    of_images("sglang", &["*sglang*"]),
    of_images("tensorrt-llm", &["*tensorrt-llm*", "*tensorrt_llm*"]),
    of_images("ollama", &["*ollama*"]),
    of_images("llama.cpp", &["*llama.cpp*"]),
    of_images("lmdeploy", &["*lmdeploy*"]),
    of_images("localai", &["*localai*"]),
    of_images("xinference", &["*xinference*"]),
    of_images("torchserve", &["*torchserve*"]),
    of_images("mlserver", &["*mlserver*"]),
    of_images("tensorflow-serving", &["*tensorflow/serving*"]),
    of_images("openvino", &["*openvino/model_server*"]),
    of_images("bentoml", &["*bentoml*"]),
];

const fn of_images(name: &'static str, images: &'static [&'static str]) -> Stack {
    Stack {
        name,
        labels: &[],
        containers: &[],
        images,
    }
}

/// Extended resources of accelerators that a container was promised: NVIDIA (whole, or parts by MIG), AMD, Intel,
/// Habana, Google, AWS, Huawei.
const RESOURCES: [&str; 8] = [
    "nvidia.com/gpu*",
    "nvidia.com/mig-*",
    "amd.com/gpu*",
    "gpu.intel.com/*",
    "habana.ai/gaudi*",
    "google.com/tpu",
    "aws.amazon.com/neuron*",
    "huawei.com/Ascend*",
];

/// NVIDIA, AMD, and the kernel's compute accelerators (Gaudi): known without the API server.
const DEVICES: [&str; 3] = ["/dev/nvidia*", "/dev/kfd", "/dev/accel/*"];

/// The rules, in which the first that matches decides.
#[must_use]
pub fn builtin() -> Vec<Rule> {
    let given = |pattern: &str| Some(pattern.to_owned());
    let label = |label: &str| Rule {
        label: given(label),
        ..Rule::default()
    };
    // A debugging container is a person's shell, whatever pod it is in.
    let mut rules = vec![
        Rule {
            role: given(Role::Ephemeral.name()),
            watch: Some(false),
            ..Rule::default()
        },
        Rule {
            watch: Some(false),
            ..label(&format!("{OPT}=false"))
        },
        label(&format!("{OPT}=true")),
    ];
    for stack in &STACKS {
        rules.extend(stack.labels.iter().map(|it| label(it)));
        rules.extend(stack.containers.iter().map(|name| Rule {
            name: given(name),
            ..Rule::default()
        }));
        rules.extend(stack.images.iter().map(|image| Rule {
            image: given(image),
            ..Rule::default()
        }));
    }
    rules.extend(RESOURCES.map(|resource| Rule {
        resource: given(resource),
        ..Rule::default()
    }));
    rules.extend(DEVICES.map(|device| Rule {
        device: given(device),
        ..Rule::default()
    }));
    rules
}

/// The serving stack that a container is of; empty when of none that is known.
#[must_use]
pub fn serving_stack(container: &Container) -> &'static str {
    let fits = |stack: &&Stack| {
        let any = |patterns: &[&str], value: &str| {
            patterns.iter().any(|pattern| glob::matches(pattern, value))
        };
        stack.labels.iter().any(|label| has_label(container, label))
            || any(stack.containers, &container.name)
            || any(stack.images, &container.image)
    };
    STACKS.iter().find(fits).map_or("", |stack| stack.name)
}

/// Whether this label asks that its container is not watched.
#[must_use]
pub fn opts_out(key: &str, value: &str) -> bool {
    key == OPT && value == "false"
}

#[cfg(test)]
mod tests;
