//! What a cgroup's path says: which container it belongs to, which runtime made it, and its pod.

use super::container::Runtime;

/// A container as its cgroup path names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CgroupContainer {
    /// Container id, normally 64 hex digits.
    pub id: String,
    /// Runtime, as far as the path tells.
    pub runtime: Runtime,
    /// Kubernetes pod uid, with dashes (a static pod's is a hash without).
    pub pod_uid: Option<String>,
    /// Kubernetes quality-of-service class: `guaranteed`, `burstable`, `besteffort`.
    pub qos: Option<String>,
    /// The cgroup lies below the container's own.
    pub nested: bool,
}

/// What runtimes put before the container id in a cgroup's name (`docker-<id>.scope`). Their monitors
/// (`crio-conmon-…`, `libpod-conmon-…`) are absent on purpose: they are not containers.
const PREFIXES: [(&str, Runtime); 6] = [
    ("docker", Runtime::Docker),
    ("cri-containerd", Runtime::Containerd),
    ("nerdctl", Runtime::Containerd),
    ("crio", Runtime::CriO),
    ("libpod", Runtime::Podman),
    ("libpod-payload", Runtime::Podman),
];

/// Parents of cgroups that are named by the bare container id.
const PARENTS: [(&str, Runtime); 5] = [
    ("docker", Runtime::Docker),
    ("moby", Runtime::Docker),
    ("actions_job", Runtime::Docker),
    ("k8s.io", Runtime::Containerd),
    ("default", Runtime::Containerd),
];

/// containerd namespaces for which `ctr` makes cgroups `/<namespace>/<id>` with an id of the user's choice.
const FREE_ID_PARENTS: [&str; 2] = ["/k8s.io", "/default"];

/// containerd's limit for identifiers.
const LONGEST_FREE_ID: usize = 76;

/// Reads a path relative to the root of the cgroup hierarchy, with a leading slash. `None` when it belongs to no
/// container. Containers may be nested (a Kubernetes node inside a container); the innermost counts.
#[must_use]
pub fn parse(path: &str) -> Option<CgroupContainer> {
    let own = innermost(path)?;
    let pod_uid = own.way.split('/').filter_map(pod_uid).next_back();
    let qos = pod_uid.as_ref().map(|_| qos(own.way).to_owned());
    Some(CgroupContainer {
        id: own.id.to_owned(),
        runtime: own.runtime,
        pod_uid,
        qos,
        nested: own.below.split('/').any(|name| !name.is_empty()),
    })
}

/// The part of `path` that is the container's own cgroup; `None` when the path belongs to no container.
#[must_use]
pub fn container_prefix(path: &str) -> Option<&str> {
    path.strip_suffix(innermost(path)?.below)
}

/// The innermost container of a path.
struct Innermost<'a> {
    id: &'a str,
    runtime: Runtime,
    /// From below the enclosing container, or the root, down to the container's own name.
    way: &'a str,
    /// What follows the container's own name.
    below: &'a str,
}

fn innermost(path: &str) -> Option<Innermost<'_>> {
    let mut found = None;
    let mut enclosing = 0;
    let ends = path.match_indices('/').map(|(at, _)| at);
    for end in ends.chain([path.len()]) {
        let (above, below) = path.split_at_checked(end)?;
        let (parent, name) = above.rsplit_once('/').unwrap_or(("", above));
        if let Some((id, runtime)) = container_in(parent, name) {
            let way = above.get(enclosing..)?;
            enclosing = end;
            found = Some(Innermost {
                id,
                runtime,
                way,
                below,
            });
        }
    }
    found
}

fn container_in<'a>(parent: &str, name: &'a str) -> Option<(&'a str, Runtime)> {
    let name = name.strip_suffix(".scope").unwrap_or(name);
    if is_hash_id(name) {
        return Some((name, runtime_below(parent)));
    }
    if FREE_ID_PARENTS.contains(&parent) && is_free_id(name) {
        return Some((name, Runtime::Containerd));
    }
    // runc's `slice:prefix:id`, which stays as it is when runc does not talk to systemd.
    let (prefix, id) = match name.rsplit_once(':') {
        Some((slice_and_prefix, id)) => (slice_and_prefix.rsplit(':').next()?, id),
        None => name.rsplit_once('-')?,
    };
    let (_, runtime) = PREFIXES.iter().find(|(known, _)| *known == prefix)?;
    is_hash_id(id).then_some((id, *runtime))
}

fn runtime_below(parent: &str) -> Runtime {
    let parent = parent.rsplit('/').next().unwrap_or_default();
    if pod_uid(parent).is_some() {
        return Runtime::Containerd;
    }
    PARENTS
        .iter()
        .find(|(known, _)| *known == parent)
        .map_or(Runtime::Unknown, |(_, runtime)| *runtime)
}

fn is_hash_id(name: &str) -> bool {
    name.len() == 64 && is_lower_hex(name)
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_free_id(name: &str) -> bool {
    name.len() <= LONGEST_FREE_ID
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// The pod uid in one component: `pod<uid>`, `kubepods-burstable-pod<uid>.slice` (dashes written as underscores), or
/// such a slice with `:cri-containerd:<id>` behind it.
fn pod_uid(component: &str) -> Option<String> {
    let slice = component.split(':').next()?;
    let slice = slice.strip_suffix(".slice").unwrap_or(slice);
    let uid = match slice.rsplit_once("-pod") {
        Some((_, uid)) => uid,
        None => slice.strip_prefix("pod")?,
    };
    let uid = uid.replace('_', "-");
    let is_uuid = uid.len() == 36
        && uid.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && uid.split('-').all(is_lower_hex);
    let is_static = uid.len() == 32 && is_lower_hex(&uid);
    (is_uuid || is_static).then_some(uid)
}

fn qos(way: &str) -> &'static str {
    ["burstable", "besteffort"]
        .into_iter()
        .find(|class| way.split(['/', '-', '.', ':']).any(|word| word == *class))
        .unwrap_or("guaranteed")
}

#[cfg(test)]
mod tests;
