//! Which containers are watched.

use serde::{Deserialize, Serialize};

use super::container::{Container, Role};
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
    /// Extended resource that the container was promised, such as `nvidia.com/gpu`; the API server tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// What the container is in its pod: `main`, `init`, `sidecar` or `ephemeral`; the API server tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// `false`: the containers chosen are not watched, whatever later rules say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watch: Option<bool>,
}

/// What is wrong with a rule.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The rule says nothing about containers.
    #[error(
        "watch rule {number} names no container; give it image, name, namespace, pod, label, annotation, device, \
         resource or role, or all: true"
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
    /// A role that no container has.
    #[error("watch rule {number} has the role {role}; a role is main, init, sidecar or ephemeral")]
    UnknownRole {
        /// Its place in the list, from 1.
        number: usize,
        /// The role.
        role: String,
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
        if let Some(role) = &self.role
            && !Role::KNOWN.iter().any(|it| glob::matches(role, it.name()))
        {
            let role = role.clone();
            return Err(Error::UnknownRole { number, role });
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
            ("resource", &self.resource),
            ("role", &self.role),
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
        let any = |pattern: &Option<String>, values: &[String]| {
            let fits = |pattern: &String| values.iter().any(|it| glob::matches(pattern, it));
            pattern.as_ref().is_none_or(fits)
        };
        text(&self.image, &container.image)
            && text(&self.name, &container.name)
            && text(&self.namespace, &container.namespace)
            && text(&self.pod, &container.pod)
            && label(&self.label)
            && label(&self.annotation)
            && any(&self.device, &container.devices)
            && any(&self.resource, &container.resources)
            && text(&self.role, container.role.name())
    }
}

/// `key` or `key=glob`. [`Container::labels`] holds labels and annotations.
pub(super) fn has_label(container: &Container, pattern: &str) -> bool {
    let value = container.labels.get(label_key(pattern));
    value.is_some_and(|value| match pattern.split_once('=') {
        Some((_, wanted)) => glob::matches(wanted, value),
        None => true,
    })
}

fn label_key(pattern: &str) -> &str {
    pattern.split('=').next().unwrap_or_default()
}

#[cfg(test)]
mod tests;
