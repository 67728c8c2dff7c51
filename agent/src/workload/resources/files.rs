//! The formats of cgroup files (Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst of the kernel).

use crate::observe::resources::Reading;

/// The number that is all of a file.
#[must_use]
pub fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// The number after `name` in a file of lines `name number`.
#[must_use]
pub fn field(text: &str, name: &str) -> Option<u64> {
    text.lines()
        .filter_map(|line| line.split_once(' '))
        .find(|(key, _)| *key == name)
        .and_then(|(_, value)| number(value))
}

/// Version 2's `cpu.stat`.
pub fn cpu(text: &str, reading: &mut Reading) {
    let nanoseconds = |name| field(text, name)?.checked_mul(1000);
    reading.cpu_ns = nanoseconds("usage_usec");
    reading.cpu_user_ns = nanoseconds("user_usec");
    reading.cpu_system_ns = nanoseconds("system_usec");
    reading.throttled_ns = nanoseconds("throttled_usec");
}

/// The time in which at least one task was stalled, in nanoseconds: `total` of the line `some` of a pressure file.
#[must_use]
pub fn stalled_ns(text: &str) -> Option<u64> {
    let some = text.lines().find_map(|line| line.strip_prefix("some "))?;
    let total = some
        .split(' ')
        .find_map(|part| part.strip_prefix("total="))?;
    number(total)?.checked_mul(1000)
}

/// Version 2's `io.stat`, a line a device, summed up. A device on top of another counts once more.
pub fn io(text: &str, reading: &mut Reading) {
    let sum = |key: &str| {
        text.split_ascii_whitespace()
            .filter_map(|part| number(part.strip_prefix(key)?))
            .fold(0_u64, u64::wrapping_add)
    };
    reading.io_read_bytes = Some(sum("rbytes="));
    reading.io_written_bytes = Some(sum("wbytes="));
}

/// Version 1's `blkio.throttle.io_service_bytes_recursive`: lines `device operation bytes`. Kernels from 6.10 on count
/// only for devices that have a limit anywhere (`blk_throtl_activated`, block/blk-throttle.h); without such a device
/// there are no lines, and nothing is known.
pub fn legacy_io(text: &str, reading: &mut Reading) {
    for line in text.lines() {
        let mut parts = line.split(' ');
        let (Some(_), Some(operation), Some(bytes), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let sum = match operation {
            "Read" => &mut reading.io_read_bytes,
            "Write" => &mut reading.io_written_bytes,
            _ => continue,
        };
        *sum = number(bytes).map(|bytes| sum.unwrap_or(0).wrapping_add(bytes));
    }
}

/// The path under a version 1 controller, from `/proc/<pid>/cgroup`.
#[must_use]
pub fn legacy_path<'t>(text: &'t str, controller: &str) -> Option<&'t str> {
    text.lines().find_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        let is_it = controllers.split(',').any(|name| name == controller);
        is_it.then_some(path)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(parse: fn(&str, &mut Reading), text: &str) -> Reading {
        let mut reading = Reading::default();
        parse(text, &mut reading);
        reading
    }

    #[test]
    fn cpu_time_comes_in_nanoseconds() {
        let text = "usage_usec 30229\nuser_usec 15223\nsystem_usec 15006\nthrottled_usec 7\n";
        let reading = read(cpu, text);
        assert_eq!(reading.cpu_ns, Some(30_229_000));
        assert_eq!(reading.cpu_user_ns, Some(15_223_000));
        assert_eq!(reading.cpu_system_ns, Some(15_006_000));
        assert_eq!(reading.throttled_ns, Some(7000));
        // Without a CPU controller of version 2 there is no limit to be held back by.
        assert_eq!(read(cpu, "usage_usec 1\n").throttled_ns, None);
        let huge = format!("usage_usec {}\n", u64::MAX);
        assert_eq!(read(cpu, &huge).cpu_ns, None);
    }

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let text = "total_rss_huge 5\ntotal_rss 7\nbroken\n";
        assert_eq!(field(text, "total_rss"), Some(7));
        assert_eq!(field(text, "broken"), None);
        assert_eq!(field(text, "rss"), None);
    }

    #[test]
    fn pressure_is_the_total_of_some() {
        let text = "some avg10=0.00 avg60=0.00 avg300=0.00 total=5883\n\
                    full avg10=0.00 avg60=0.00 avg300=0.00 total=5497\n";
        assert_eq!(stalled_ns(text), Some(5_883_000));
        assert_eq!(stalled_ns("full avg10=0.00 total=1\n"), None);
        assert_eq!(stalled_ns(""), None);
    }

    #[test]
    fn bytes_of_all_devices_are_summed() {
        let text =
            "8:0 rbytes=10 wbytes=4 rios=1 wios=1 dbytes=0 dios=0\n259:0 rbytes=5 wbytes=0\n";
        let reading = read(io, text);
        assert_eq!(
            (reading.io_read_bytes, reading.io_written_bytes),
            (Some(15), Some(4))
        );
        assert_eq!(read(io, "").io_read_bytes, Some(0));
    }

    #[test]
    fn version_1_without_a_device_knows_nothing() {
        let text = "8:0 Read 10\n8:0 Write 4\n8:0 Sync 14\n9:0 Read 1\nTotal 15\n";
        let reading = read(legacy_io, text);
        assert_eq!(
            (reading.io_read_bytes, reading.io_written_bytes),
            (Some(11), Some(4))
        );
        assert_eq!(read(legacy_io, "Total 0\n"), Reading::default());
    }

    #[test]
    fn paths_are_told_apart_by_controller() {
        let text = "4:memory:/a/b:c\n2:cpu,cpuacct:/d\n0::/e\n";
        assert_eq!(legacy_path(text, "memory"), Some("/a/b:c"));
        assert_eq!(legacy_path(text, "cpu"), Some("/d"));
        assert_eq!(legacy_path(text, "pids"), None);
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text in "[a-z0-9 =:.\\n]{0,80}|\\PC{0,40}") {
            let (_, _) = (number(&text), field(&text, "a"));
            let (_, _) = (stalled_ns(&text), legacy_path(&text, "a"));
            for parse in [cpu, io, legacy_io] {
                read(parse, &text);
            }
        }

        #[test]
        fn what_is_written_is_read(values in prop::collection::btree_map("[a-z_]{1,8}", any::<u64>(), 1..6)) {
            let text: String = values.iter().map(|(name, value)| format!("{name} {value}\n")).collect();
            for (name, value) in &values {
                prop_assert_eq!(field(&text, name), Some(*value));
            }
        }
    }
}
