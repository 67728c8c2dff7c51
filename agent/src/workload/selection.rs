//! Which containers are watched.

use serde::{Deserialize, Serialize};

use super::container::Container;
use super::glob;
use super::kubernetes;

/// Chooses containers. All fields given must match; the values are globs (`*` any text, `?` one character).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// Every container.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
    /// Image reference as the user wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Container name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Kubernetes namespace, or the runtime's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Pod name, or the container's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// A label that the container has, by its exact `key`, or `key=glob`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// An annotation, in the same form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotation: Option<String>,
    /// Path of a device that the container was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// `false`: the containers chosen are not watched, whatever later rules say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watch: Option<bool>,
}

/// What is wrong with a rule.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The rule says nothing about containers.
    #[error(
        "watch rule {number} names no container; give it image, name, namespace, pod, label, annotation or device, \
         or all: true"
    )]
    Empty {
        /// Its place in the list, from 1.
        number: usize,
    },
    /// `all` together with something that narrows it.
    #[error("watch rule {number} has all: true and {field}; remove one of them")]
    AllAndMore {
        /// Its place in the list, from 1.
        number: usize,
        /// The first other field.
        field: &'static str,
    },
    /// A pattern that matches nothing.
    #[error("watch rule {number} has an empty {field}; give it a value or remove it")]
    EmptyPattern {
        /// Its place in the list, from 1.
        number: usize,
        /// The field.
        field: &'static str,
    },
}

/// Rules that have been checked.
#[derive(Clone, Debug)]
pub struct Selection {
    rules: Vec<(Rule, String)>,
}

impl Selection {
    /// Checks `rules`, in which the first that matches decides.
    ///
    /// # Errors
    /// When a rule chooses no container or contradicts itself.
    pub fn compile(rules: &[Rule]) -> Result<Self, Error> {
        let checked = rules
            .iter()
            .zip(1..)
            .map(|(rule, number)| rule.check(number).map(|why| (rule.clone(), why)));
        let rules = checked.collect::<Result<_, _>>()?;
        Ok(Self { rules })
    }

    /// Why `container` is watched, in the words of the rule that matched; `None` when it is not. The sandbox of a pod
    /// never is: nothing runs in it.
    #[must_use]
    pub fn watches(&self, container: &Container) -> Option<&str> {
        if kubernetes::is_sandbox(&container.labels) {
            return None;
        }
        let (rule, why) = self
            .rules
            .iter()
            .find(|(rule, _)| rule.matches(container))?;
        rule.watch.unwrap_or(true).then_some(why)
    }
}

impl Rule {
    /// Describes the rule in words, if there is nothing wrong with it.
    fn check(&self, number: usize) -> Result<String, Error> {
        let given: Vec<(&'static str, &str)> = self.patterns().collect();
        if let Some((field, _)) = given
            .iter()
            .find(|(_, pattern)| label_key(pattern).is_empty())
        {
            return Err(Error::EmptyPattern { number, field });
        }
        match (self.all, given.first()) {
            (true, Some((field, _))) => Err(Error::AllAndMore { number, field }),
            (true, None) => Ok("all".to_owned()),
            (false, None) => Err(Error::Empty { number }),
            (false, Some(_)) => {
                let words: Vec<String> = given
                    .iter()
                    .map(|(field, pattern)| format!("{field} {pattern}"))
                    .collect();
                Ok(words.join(", "))
            }
        }
    }

    fn patterns(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("image", &self.image),
            ("name", &self.name),
            ("namespace", &self.namespace),
            ("pod", &self.pod),
            ("label", &self.label),
            ("annotation", &self.annotation),
            ("device", &self.device),
        ]
        .into_iter()
        .filter_map(|(field, pattern)| Some((field, pattern.as_deref()?)))
    }

    fn matches(&self, container: &Container) -> bool {
        let text = |pattern: &Option<String>, value: &str| {
            pattern
                .as_ref()
                .is_none_or(|pattern| glob::matches(pattern, value))
        };
        let label = |pattern: &Option<String>| {
            pattern
                .as_ref()
                .is_none_or(|pattern| has_label(container, pattern))
        };
        let device = |pattern: &String| {
            let mut devices = container.devices.iter();
            devices.any(|device| glob::matches(pattern, device))
        };
        text(&self.image, &container.image)
            && text(&self.name, &container.name)
            && text(&self.namespace, &container.namespace)
            && text(&self.pod, &container.pod)
            && label(&self.label)
            && label(&self.annotation)
            && self.device.as_ref().is_none_or(device)
    }
}

/// `key` or `key=glob`. [`Container::labels`] holds labels and annotations.
fn has_label(container: &Container, pattern: &str) -> bool {
    let value = container.labels.get(label_key(pattern));
    value.is_some_and(|value| match pattern.split_once('=') {
        Some((_, wanted)) => glob::matches(wanted, value),
        None => true,
    })
}

fn label_key(pattern: &str) -> &str {
    pattern.split('=').next().unwrap_or_default()
}

/// Set by the operator, or by a serving stack on its pods: KServe, llm-d, KubeRay, Seldon, Dynamo, LeaderWorkerSet, KAITO.
const LABELS: [&str; 17] = [
    "picket/watch=true",
    "serving.kserve.io/inferenceservice",
    "app.kubernetes.io/part-of=llminferenceservice",
    "kserve.io/component=workload",
    "llm-d.ai/inferenceServing=true",
    "llm-d.ai/model",
    "llm-d.ai/role",
    "ray.io/cluster",
    "ray.io/node-type",
    "ray.io/serve",
    "ray.io/originated-from-crd=RayService",
    "seldon-deployment-id",
    "seldon-server-name",
    "app.kubernetes.io/name=seldon-server",
    "nvidia.com/dynamo-component-type",
    "leaderworkerset.sigs.k8s.io/name",
    "kaito.sh/workspace",
];

/// KServe's names of the server and of what fetches its model.
const NAMES: [&str; 2] = ["kserve-container", "storage-initializer"];

const IMAGES: [&str; 10] = [
    "*vllm*",
    "*tritonserver*",
    "*text-generation-inference*",
    "*sglang*",
    "*ollama*",
    "*torchserve*",
    "*mlserver*",
    "*tensorflow/serving*",
    "*bentoml*",
    "*llama.cpp*",
];

/// NVIDIA, AMD, and the kernel's compute accelerators (Gaudi).
const DEVICES: [&str; 3] = ["/dev/nvidia*", "/dev/kfd", "/dev/accel/*"];

/// How model servers are recognised when the configuration has no rules.
#[must_use]
pub fn builtin() -> Vec<Rule> {
    let given = |pattern: &str| Some(pattern.to_owned());
    let labels = LABELS.map(|label| Rule {
        label: given(label),
        ..Rule::default()
    });
    let names = NAMES.map(|name| Rule {
        name: given(name),
        ..Rule::default()
    });
    let images = IMAGES.map(|image| Rule {
        image: given(image),
        ..Rule::default()
    });
    let devices = DEVICES.map(|device| Rule {
        device: given(device),
        ..Rule::default()
    });
    labels
        .into_iter()
        .chain(names)
        .chain(images)
        .chain(devices)
        .collect()
}

#[cfg(test)]
mod tests;
