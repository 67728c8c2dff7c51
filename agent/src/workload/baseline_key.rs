//! Which baseline a container learns into and is judged by.

use super::container::Container;
use super::image;
use crate::baseline::key::Key;

/// The key that a container shares with its replicas and restarts.
///
/// Outside Kubernetes nothing but the image ties containers together, so its repository name stands for the workload;
/// a container of an unknown image is on its own.
#[must_use]
pub fn baseline_key(container: &Container) -> Key {
    let image_digest = if container.image_digest.is_empty() {
        container.image.clone()
    } else {
        container.image_digest.clone()
    };
    let (workload, name) = if container.in_kubernetes() {
        (container.workload.as_str(), container.name.as_str())
    } else if container.image.is_empty() {
        (container.name.as_str(), container.name.as_str())
    } else {
        let repository = image::repository(&container.image);
        (repository, repository)
    };
    Key {
        namespace: container.namespace.clone(),
        workload: workload.to_owned(),
        container: name.to_owned(),
        image_digest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::container::sample;

    fn fields(container: &Container) -> [String; 4] {
        let Key {
            namespace,
            workload,
            container,
            image_digest,
        } = baseline_key(container);
        [namespace, workload, container, image_digest]
    }

    #[test]
    fn in_kubernetes_the_workload_and_the_container_name_count() {
        let mut container = sample();
        container.namespace = "models".to_owned();
        container.workload = "resnet".to_owned();
        container.workload_kind = "Deployment".to_owned();
        container.name = "server".to_owned();
        container.image_digest = "sha256:ab".to_owned();
        assert_eq!(
            fields(&container),
            ["models", "resnet", "server", "sha256:ab"]
        );
    }

    #[test]
    fn outside_kubernetes_a_second_container_of_the_image_inherits() {
        let mut one = sample();
        one.image = "registry.example:5000/wl/serve:v1".to_owned();
        one.image_digest = "sha256:ab".to_owned();
        let mut other = one.clone();
        other.name = "another".to_owned();
        other.workload = "another".to_owned();
        let repository = "registry.example:5000/wl/serve";
        assert_eq!(
            fields(&one),
            ["docker", repository, repository, "sha256:ab"]
        );
        assert_eq!(fields(&one), fields(&other));
        other.image_digest = "sha256:cd".to_owned();
        assert_ne!(fields(&one), fields(&other));
    }

    #[test]
    fn without_a_digest_the_reference_tells_versions_apart() {
        let mut container = sample();
        container.image = "serve:v1".to_owned();
        assert_eq!(fields(&container), ["docker", "serve", "serve", "serve:v1"]);
    }

    #[test]
    fn a_container_of_an_unknown_image_is_on_its_own() {
        let container = sample();
        assert_eq!(fields(&container), ["docker", "my-server", "my-server", ""]);
    }
}
