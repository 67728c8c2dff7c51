//! An image of one layer in the layout of the OCI image specification 1.0, also as an archive that `docker load` reads.

use std::fs;
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::tar::Archive;

/// As the agent's own manifest has it.
const DESCRIPTION: &str = "Runtime anomaly detector for model-serving containers";

/// What an image says of itself.
pub struct About<'a> {
    /// Version of the agent.
    pub version: &'a str,
    /// Commit it was built from; empty when unknown.
    pub revision: &'a str,
    /// Time of that commit (RFC 3339); empty when unknown.
    pub created: &'a str,
    /// Program to start.
    pub entrypoint: &'a str,
}

/// An image.
pub struct Image {
    version: String,
    tag: String,
    manifest: Blob,
    config: Blob,
    layer: Blob,
}

struct Blob {
    bytes: Vec<u8>,
    /// SHA-256 in hex.
    digest: String,
}

impl Blob {
    fn new(bytes: Vec<u8>) -> Self {
        let digest = Sha256::digest(&bytes);
        let digest = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { bytes, digest }
    }

    fn json(value: &Value) -> Self {
        Self::new(value.to_string().into_bytes())
    }

    fn path(&self) -> String {
        format!("blobs/sha256/{}", self.digest)
    }

    fn descriptor(&self, media_type: &str) -> Value {
        json!({
            "mediaType": media_type,
            "digest": format!("sha256:{}", self.digest),
            "size": self.bytes.len(),
        })
    }
}

impl Image {
    /// The image with this layer, an archive.
    pub fn new(layer: Vec<u8>, about: &About<'_>) -> Self {
        let About {
            version,
            revision,
            created,
            entrypoint,
        } = about;
        let layer = Blob::new(layer);
        let created = if created.is_empty() {
            "1970-01-01T00:00:00Z"
        } else {
            created
        };
        let labels = json!({
            "org.opencontainers.image.title": "picket",
            "org.opencontainers.image.description": DESCRIPTION,
            "org.opencontainers.image.licenses": "Apache-2.0 OR MIT",
            "org.opencontainers.image.version": version,
            "org.opencontainers.image.revision": revision,
            "org.opencontainers.image.created": created,
        });
        let config = Blob::json(&json!({
            "architecture": "amd64",
            "os": "linux",
            "created": created,
            "config": {
                "Entrypoint": [entrypoint],
                "Cmd": ["run"],
                "Env": ["PATH=/usr/bin"],
                "ExposedPorts": { "9477/tcp": {} },
                "Labels": labels,
            },
            "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{}", layer.digest)] },
            "history": [{ "created": created, "created_by": "cargo xtask image" }],
        }));
        let manifest = Blob::json(&json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config.descriptor("application/vnd.oci.image.config.v1+json"),
            "layers": [layer.descriptor("application/vnd.oci.image.layer.v1.tar")],
            "annotations": labels,
        }));
        Self {
            version: (*version).to_owned(),
            tag: format!("picket:{version}"),
            manifest,
            config,
            layer,
        }
    }

    /// The manifest's digest, by which the image is named.
    pub fn digest(&self) -> String {
        format!("sha256:{}", self.manifest.digest)
    }

    /// The index of the layout, which names everything else by its digest.
    pub fn index(&self) -> Vec<u8> {
        let mut manifest = self
            .manifest
            .descriptor("application/vnd.oci.image.manifest.v1+json");
        if let Some(manifest) = manifest.as_object_mut() {
            // The specification's name is a tag alone; containerd and what builds on it read the whole name beside it.
            let names = json!({
                "io.containerd.image.name": format!("docker.io/library/{}", self.tag),
                "org.opencontainers.image.ref.name": self.version,
            });
            manifest.insert("annotations".to_owned(), names);
        }
        let index = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [manifest],
        });
        index.to_string().into_bytes()
    }

    /// All files of the layout.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let layout = json!({ "imageLayoutVersion": "1.0.0" });
        // Docker before 25 reads this instead.
        let docker = json!([{
            "Config": self.config.path(),
            "RepoTags": [self.tag],
            "Layers": [self.layer.path()],
        }]);
        let named = [
            ("index.json", self.index()),
            ("manifest.json", docker.to_string().into_bytes()),
            ("oci-layout", layout.to_string().into_bytes()),
        ];
        let named = named.map(|(name, bytes)| (name.to_owned(), bytes));
        let blobs = [&self.config, &self.layer, &self.manifest];
        let blobs = blobs.map(|blob| (blob.path(), blob.bytes.clone()));
        blobs.into_iter().chain(named).collect()
    }

    /// Writes the layout in place of what is there.
    ///
    /// # Errors
    /// When that is not possible.
    pub fn write_layout(&self, folder: &Path) -> Result<()> {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder.join("blobs/sha256"))?;
        for (name, bytes) in self.files() {
            fs::write(folder.join(name), bytes)?;
        }
        Ok(())
    }

    /// The layout as one archive.
    ///
    /// # Errors
    /// When it is too large.
    pub fn archive(&self) -> Result<Vec<u8>> {
        let mut archive = Archive::default();
        archive.folder("blobs")?;
        archive.folder("blobs/sha256")?;
        for (name, bytes) in self.files() {
            archive.file(&name, 0o644, &bytes)?;
        }
        Ok(archive.finish())
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::indexing_slicing,
        reason = "indexing JSON yields null, not a panic"
    )]

    use super::*;

    #[test]
    fn every_part_is_found_by_its_digest() -> Result<()> {
        let about = About {
            version: "1.2.3",
            revision: "abc",
            created: "2026-11-30T00:00:00Z",
            entrypoint: "/usr/bin/picket",
        };
        let image = Image::new(b"layer".to_vec(), &about);
        let folder = tempfile::tempdir()?;
        image.write_layout(folder.path())?;
        let read = |path: &str| -> Result<Value> {
            Ok(serde_json::from_slice(&fs::read(
                folder.path().join(path),
            )?)?)
        };
        let blob = |descriptor: &Value| -> Result<Vec<u8>> {
            let digest = descriptor["digest"].as_str().unwrap_or_default();
            let hex = digest.trim_start_matches("sha256:");
            let bytes = fs::read(folder.path().join("blobs/sha256").join(hex))?;
            assert_eq!(descriptor["size"], bytes.len());
            assert_eq!(Blob::new(bytes.clone()).digest, hex);
            Ok(bytes)
        };
        let index = read("index.json")?;
        let manifest: Value = serde_json::from_slice(&blob(&index["manifests"][0])?)?;
        assert_eq!(blob(&manifest["layers"][0])?, b"layer");
        let config: Value = serde_json::from_slice(&blob(&manifest["config"])?)?;
        assert_eq!(
            config["rootfs"]["diff_ids"][0],
            manifest["layers"][0]["digest"]
        );
        assert_eq!(config["config"]["Entrypoint"][0], "/usr/bin/picket");
        let docker = read("manifest.json")?;
        assert_eq!(docker[0]["RepoTags"][0], "picket:1.2.3");
        Ok(())
    }
}
