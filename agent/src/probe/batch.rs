//! Reading a whole hash map with few calls, where one call for each entry would take a hundred times as long.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};

use aya::Pod;
use aya::maps::{HashMap, Map, MapData, MapError};

/// `include/uapi/linux/bpf.h`, `BPF_MAP_LOOKUP_BATCH`.
const LOOKUP_BATCH: libc::c_long = 24;
/// Entries asked for at a time.
const AT_A_TIME: usize = 2048;

/// `union bpf_attr`, the part named `batch`.
#[repr(C)]
struct Attributes {
    from: u64,
    to: u64,
    keys: u64,
    values: u64,
    count: u32,
    map: u32,
    entry_flags: u64,
    flags: u64,
}

/// A hash map that is also read as a whole.
pub struct Table<K, V> {
    /// Its entries one by one.
    pub map: HashMap<MapData, K, V>,
    fd: OwnedFd,
}

impl<K: Pod + Default, V: Pod + Default> Table<K, V> {
    /// Every entry, as [`entries`].
    pub fn entries(&self) -> io::Result<Vec<(K, V)>> {
        entries(self.fd.as_fd())
    }

    /// Removes the entries for which this holds.
    pub fn remove_all(&mut self, goes: impl Fn(&K, &V) -> bool) -> io::Result<()> {
        for (key, value) in self.entries()? {
            if goes(&key, &value) {
                // Gone already is as good.
                let _ = self.map.remove(&key);
            }
        }
        Ok(())
    }
}

impl<K: Pod, V: Pod> TryFrom<Map> for Table<K, V> {
    type Error = MapError;

    fn try_from(map: Map) -> Result<Self, MapError> {
        let (Map::HashMap(data) | Map::LruHashMap(data)) = &map else {
            return Err(MapError::InvalidName {
                name: "the map is no hash map".to_owned(),
            });
        };
        let fd = data.fd().as_fd().try_clone_to_owned()?;
        Ok(Self {
            map: HashMap::try_from(map)?,
            fd,
        })
    }
}

/// Every entry of a hash map. Entries that come or go meanwhile may be there or not.
///
/// # Errors
///
/// When the kernel refuses, as those before 5.6 do.
pub fn entries<K: Pod + Default, V: Pod + Default>(map: BorrowedFd<'_>) -> io::Result<Vec<(K, V)>> {
    let mut all = Vec::new();
    let mut keys = vec![K::default(); AT_A_TIME];
    let mut values = vec![V::default(); AT_A_TIME];
    // Where to go on: a bucket's number, whatever the type of the keys.
    let (mut from, mut to) = (0u32, 0u32);
    let mut first = true;
    loop {
        let mut attributes = Attributes {
            from: if first { 0 } else { (&raw const from) as u64 },
            to: (&raw mut to) as u64,
            keys: keys.as_mut_ptr() as u64,
            values: values.as_mut_ptr() as u64,
            count: AT_A_TIME as u32,
            map: map.as_raw_fd() as u32,
            entry_flags: 0,
            flags: 0,
        };
        // SAFETY: the attributes say truly how much room there is for keys and values, which may hold any bytes.
        let result = unsafe {
            libc::syscall(
                libc::SYS_bpf,
                LOOKUP_BATCH,
                &raw mut attributes,
                size_of::<Attributes>(),
            )
        };
        let error = io::Error::last_os_error();
        let ended = result != 0;
        if ended && error.raw_os_error() != Some(libc::ENOENT) {
            return Err(error);
        }
        let read = keys.iter().zip(&values).take(attributes.count as usize);
        all.extend(read.map(|(key, value)| (*key, *value)));
        if ended {
            return Ok(all);
        }
        from = to;
        first = false;
    }
}
