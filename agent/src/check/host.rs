//! The machine as the checks see it; tests build their own.

use std::path::{Path, PathBuf};
use std::{env, io};

use caps::{CapSet, Capability, CapsHashSet};
use rustix::process::{Resource, getrlimit, getuid};
use rustix::system::uname;

/// What the checks look at. Files are looked up below `root`.
#[derive(Clone, Debug)]
pub struct Host {
    /// Prefix of every path; `/` on a real machine.
    pub root: PathBuf,
    /// Kernel release as `uname -r` prints it.
    pub kernel: String,
    /// Machine architecture in Rust's spelling: `x86_64`, `aarch64`.
    pub architecture: String,
    /// User id of this process.
    pub uid: u32,
    /// Its effective capabilities.
    pub capabilities: CapsHashSet,
    /// Memory it may lock, in bytes; `None` for no limit.
    pub memlock: Option<u64>,
}

impl Host {
    /// The machine this runs on.
    ///
    /// # Errors
    /// The kernel does not tell this process its own capabilities.
    pub fn this() -> io::Result<Self> {
        Ok(Self {
            root: PathBuf::from("/"),
            kernel: uname().release().to_string_lossy().into_owned(),
            architecture: env::consts::ARCH.to_owned(),
            uid: getuid().as_raw(),
            capabilities: caps::read(None, CapSet::Effective).map_err(io::Error::other)?,
            memlock: getrlimit(Resource::Memlock).current,
        })
    }

    pub(super) fn path(&self, absolute: impl AsRef<Path>) -> PathBuf {
        let absolute = absolute.as_ref();
        self.root
            .join(absolute.strip_prefix("/").unwrap_or(absolute))
    }

    pub(super) fn has(&self, capability: Capability) -> bool {
        self.capabilities.contains(&capability)
    }

    /// Major and minor number of the kernel.
    pub(super) fn kernel_version(&self) -> Option<(u32, u32)> {
        let mut numbers = self.kernel.split(|c: char| !c.is_ascii_digit());
        let major = numbers.next()?.parse().ok()?;
        let minor = numbers.next()?.parse().ok()?;
        Some((major, minor))
    }
}
