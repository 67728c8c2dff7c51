#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;

use super::*;
use crate::workload::container::sample;
use crate::workload::selection::Selection;

fn labelled(labels: &[(&str, &str)]) -> Container {
    let mut container = sample();
    for (key, value) in labels {
        container
            .labels
            .insert((*key).to_owned(), (*value).to_owned());
    }
    container
}

fn named(name: &str) -> Container {
    Container {
        name: name.to_owned(),
        ..sample()
    }
}

fn of_image(image: &str) -> Container {
    Container {
        image: image.to_owned(),
        ..sample()
    }
}

fn is_watched(container: &Container) -> bool {
    let selection = Selection::compile(&builtin()).unwrap();
    selection.watches(container).is_some()
}

#[test]
fn every_stack_is_recognised_by_what_its_containers_have() {
    let examples = [
        (
            "kserve",
            labelled(&[("serving.kserve.io/inferenceservice", "resnet")]),
        ),
        (
            "kserve",
            labelled(&[("app.kubernetes.io/part-of", "llminferenceservice")]),
        ),
        ("kserve", labelled(&[("kserve.io/component", "workload")])),
        ("kserve", named("kserve-container")),
        ("kserve", named("storage-initializer")),
        ("kserve", of_image("kserve/huggingfaceserver:v0.15.2-gpu")),
        ("llm-d", labelled(&[("llm-d.ai/inferenceServing", "true")])),
        ("llm-d", labelled(&[("llm-d.ai/model", "qwen")])),
        ("llm-d", labelled(&[("llm-d.ai/role", "prefill")])),
        ("llm-d", of_image("ghcr.io/llm-d/llm-d-cuda:v0.3.0")),
        (
            "dynamo",
            labelled(&[("nvidia.com/dynamo-component-type", "worker")]),
        ),
        (
            "dynamo",
            of_image("nvcr.io/nvidia/ai-dynamo/vllm-runtime:0.4"),
        ),
        ("kuberay", labelled(&[("ray.io/cluster", "llm")])),
        ("kuberay", labelled(&[("ray.io/node-type", "worker")])),
        ("kuberay", labelled(&[("ray.io/serve", "true")])),
        (
            "kuberay",
            labelled(&[("ray.io/originated-from-crd", "RayService")]),
        ),
        ("kuberay", named("ray-head")),
        ("kuberay", of_image("rayproject/ray-llm:2.46.0-py311-cu124")),
        ("seldon", labelled(&[("seldon-deployment-id", "iris")])),
        ("seldon", labelled(&[("seldon-server-name", "mlserver")])),
        (
            "seldon",
            labelled(&[("app.kubernetes.io/name", "seldon-server")]),
        ),
        ("seldon", of_image("seldonio/sklearnserver:1.18.2")),
        ("kaito", labelled(&[("kaito.sh/workspace", "phi")])),
        (
            "kaito",
            of_image("mcr.microsoft.com/aks/kaito/kaito-phi-4:0.1.0"),
        ),
        ("aibrix", labelled(&[("model.aibrix.ai/name", "qwen")])),
        (
            "nim",
            labelled(&[("app.kubernetes.io/managed-by", "k8s-nim-operator")]),
        ),
        ("nim", of_image("nvcr.io/nim/meta/llama-3.1-8b-instruct:1")),
        (
            "leaderworkerset",
            labelled(&[("leaderworkerset.sigs.k8s.io/name", "vllm")]),
        ),
        ("vllm", of_image("docker.io/vllm/vllm-openai:v0.9")),
        ("triton", of_image("nvcr.io/nvidia/tritonserver:25.06-py3")),
        (
            "text-generation-inference",
            of_image("ghcr.io/huggingface/text-generation-inference:3.3"),
        ),
        (
            "text-embeddings-inference",
            of_image("ghcr.io/huggingface/text-embeddings-inference:1.7"),
        ),
        ("sglang", of_image("lmsysorg/sglang:v0.5.0-cu126")),
        (
            "tensorrt-llm",
            of_image("nvcr.io/nvidia/tensorrt-llm/release:1.0"),
        ),
        ("ollama", of_image("ollama/ollama:0.11")),
        ("llama.cpp", of_image("ghcr.io/ggml-org/llama.cpp:server")),
        ("lmdeploy", of_image("openmmlab/lmdeploy:v0.9.1")),
        ("localai", of_image("localai/localai:latest-aio-cpu")),
        ("xinference", of_image("xprobe/xinference:v1.8")),
        ("torchserve", of_image("pytorch/torchserve-kfs:0.12")),
        ("mlserver", of_image("registry.example/mlserver:1.7")),
        ("tensorflow-serving", of_image("tensorflow/serving:2.19")),
        ("openvino", of_image("openvino/model_server:2025.2")),
        ("bentoml", of_image("registry.example/bentoml/iris:1")),
    ];
    for (stack, container) in &examples {
        assert_eq!(serving_stack(container), *stack, "{container:?}");
        assert!(is_watched(container), "{container:?}");
    }
    let shown: BTreeSet<&str> = examples.iter().map(|(stack, _)| *stack).collect();
    let all: BTreeSet<&str> = STACKS.iter().map(|stack| stack.name).collect();
    assert_eq!(shown, all);
}

#[test]
fn what_runs_a_server_gives_the_name() {
    let container = Container {
        image: "docker.io/vllm/vllm-openai:v0.9".to_owned(),
        ..labelled(&[("serving.kserve.io/inferenceservice", "qwen")])
    };
    assert_eq!(serving_stack(&container), "kserve");
}

#[test]
fn accelerators_are_recognised_by_request_and_by_device() {
    for resource in [
        "nvidia.com/gpu",
        "nvidia.com/gpu.shared",
        "nvidia.com/mig-1g.5gb",
        "amd.com/gpu",
        "gpu.intel.com/i915",
        "habana.ai/gaudi",
        "google.com/tpu",
        "aws.amazon.com/neuroncore",
        "huawei.com/Ascend910",
    ] {
        let container = Container {
            resources: vec![resource.to_owned()],
            ..sample()
        };
        assert!(is_watched(&container), "{resource}");
    }
    for device in ["/dev/nvidia0", "/dev/kfd", "/dev/accel/accel0"] {
        let container = Container {
            devices: vec![device.to_owned()],
            ..sample()
        };
        assert!(is_watched(&container), "{device}");
        assert_eq!(serving_stack(&container), "");
    }
}

#[test]
fn the_rest_is_left_alone() {
    for container in [
        sample(),
        labelled(&[("app.kubernetes.io/name", "nginx")]),
        named("server"),
        of_image("library/nginx:1.27"),
        Container {
            devices: vec!["/dev/fuse".to_owned()],
            resources: vec!["hugepages-2Mi".to_owned(), "example.com/nic".to_owned()],
            ..sample()
        },
    ] {
        assert!(!is_watched(&container), "{container:?}");
        assert_eq!(serving_stack(&container), "");
    }
}

#[test]
fn owners_have_the_last_word() {
    assert!(is_watched(&labelled(&[(OPT, "true")])));
    assert!(!is_watched(&labelled(&[(OPT, "perhaps")])));
    let recognised = ("serving.kserve.io/inferenceservice", "resnet");
    assert!(!is_watched(&labelled(&[recognised, (OPT, "false")])));
}

#[test]
fn every_role_but_a_debugging_shell_is_watched_in_a_recognised_pod() {
    for role in Role::KNOWN.into_iter().chain([Role::Unknown]) {
        let container = Container {
            role,
            ..labelled(&[("llm-d.ai/model", "qwen")])
        };
        assert_eq!(is_watched(&container), role != Role::Ephemeral, "{role:?}");
    }
}
