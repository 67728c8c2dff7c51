//! What the probe's maps hold and weigh on this machine.

use std::os::fd::{AsFd as _, AsRawFd as _};

use aya::Ebpf;
use aya::maps::{Map, MapData};
use serde::Serialize;

/// A map as the kernel made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MapSize {
    /// Its name in the object.
    pub name: String,
    /// Its type, in the kernel's words.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Entries it can hold; for a ring its bytes; 0 where entries belong to sockets, tasks or cgroups.
    pub entries: u32,
    /// Bytes of a key and a value together.
    pub entry_bytes: u64,
    /// Every CPU has its own copy of each value.
    pub per_cpu: bool,
    /// Memory that it takes as the kernel counts it, in bytes; 0 where the kernel does not say.
    pub kernel_bytes: u64,
}

/// Every map but those of the programs' constants, in order of their names.
pub(super) fn sizes(programs: &Ebpf) -> Vec<MapSize> {
    let maps = programs
        .maps()
        .filter(|(name, _)| !name.starts_with('.'))
        .filter_map(|(name, map)| size(name, map));
    let mut sizes: Vec<MapSize> = maps.collect();
    sizes.sort_by(|one, other| one.name.cmp(&other.name));
    sizes
}

fn size(name: &str, map: &Map) -> Option<MapSize> {
    let (kind, data) = kind(map);
    let info = data.info().ok()?;
    Some(MapSize {
        name: name.to_owned(),
        kind,
        entries: info.max_entries(),
        entry_bytes: u64::from(info.key_size()) + u64::from(info.value_size()),
        per_cpu: kind.starts_with("percpu") || kind == "lru_percpu_hash",
        kernel_bytes: kernel_bytes(data).unwrap_or(0),
    })
}

/// The names of `enum bpf_map_type` (include/uapi/linux/bpf.h).
fn kind(map: &Map) -> (&'static str, &MapData) {
    match map {
        Map::Array(data) => ("array", data),
        Map::ArrayOfMaps(data) => ("array_of_maps", data),
        Map::BloomFilter(data) => ("bloom_filter", data),
        Map::CgroupArray(data) => ("cgroup_array", data),
        Map::CgroupStorage(data) => ("cgroup_storage", data),
        Map::CgrpStorage(data) => ("cgrp_storage", data),
        Map::CpuMap(data) => ("cpumap", data),
        Map::DevMap(data) => ("devmap", data),
        Map::DevMapHash(data) => ("devmap_hash", data),
        Map::HashMap(data) => ("hash", data),
        Map::HashOfMaps(data) => ("hash_of_maps", data),
        Map::InodeStorage(data) => ("inode_storage", data),
        Map::LpmTrie(data) => ("lpm_trie", data),
        Map::LruHashMap(data) => ("lru_hash", data),
        Map::PerCpuArray(data) => ("percpu_array", data),
        Map::PerCpuCgroupStorage(data) => ("percpu_cgroup_storage", data),
        Map::PerCpuHashMap(data) => ("percpu_hash", data),
        Map::PerCpuLruHashMap(data) => ("lru_percpu_hash", data),
        Map::PerfEventArray(data) => ("perf_event_array", data),
        Map::ProgramArray(data) => ("prog_array", data),
        Map::Queue(data) => ("queue", data),
        Map::ReusePortSockArray(data) => ("reuseport_sockarray", data),
        Map::RingBuf(data) => ("ringbuf", data),
        Map::SkStorage(data) => ("sk_storage", data),
        Map::SockHash(data) => ("sockhash", data),
        Map::SockMap(data) => ("sockmap", data),
        Map::Stack(data) => ("stack", data),
        Map::StackTraceMap(data) => ("stack_trace", data),
        Map::Unsupported(data) => ("unsupported", data),
        Map::XskMap(data) => ("xskmap", data),
    }
}

fn kernel_bytes(data: &MapData) -> Option<u64> {
    let path = format!("/proc/self/fdinfo/{}", data.fd().as_fd().as_raw_fd());
    let text = std::fs::read_to_string(path).ok()?;
    let bytes = text
        .lines()
        .find_map(|line| line.strip_prefix("memlock:"))?;
    bytes.trim().parse().ok()
}
